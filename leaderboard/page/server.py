"""Serves the pages to browsers on this machine, and tells them when there are new ones.

Only the names of pages that were made are answered, so no path can lead out of the folder. Requests
that name another host are refused: a web site elsewhere whose name leads to this machine (DNS
rebinding) reads nothing. Every client has a thread of its own, and a clock: one that is slow or has
vanished costs nobody else anything.
"""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from leaderboard.errors import PageError
from leaderboard.page.names import INDEX

HOST: Final = "127.0.0.1"
PATIENCE_S: Final = 10.0
"""For a client that sends no request, or takes nothing."""
HEARTBEAT_S: Final = 15.0
"""How often a listener is written to, so that one that has vanished is noticed."""
MAX_LISTENERS: Final = 100


class News:
    """The stamp of the latest pages, for whoever waits for the next."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._stamp = ""
        self._closed = False
        self._listeners = 0

    def publish(self, stamp: str) -> None:
        """Tell everybody."""
        with self._changed:
            self._stamp = stamp
            self._changed.notify_all()

    def close(self) -> None:
        """End the waiting."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        """Whether there will be no more."""
        return self._closed

    def after(self, seen: str, timeout: float) -> str:
        """The latest stamp, as soon as it is another than the one seen, or after the time."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._stamp != seen, timeout)
            return self._stamp

    def join(self) -> bool:
        """Take one of the seats of listeners; False if all are taken."""
        with self._changed:
            if self._listeners >= MAX_LISTENERS:
                return False
            self._listeners += 1
            return True

    def leave(self) -> None:
        """Give the seat back."""
        with self._changed:
            self._listeners -= 1


class PageServer(ThreadingHTTPServer):
    """The pages of one folder, on the machine's own address and nowhere else."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, folder: Path, port: int = 0) -> None:
        try:
            super().__init__((HOST, port), _Handler)
        except (OSError, OverflowError) as error:
            raise PageError(
                f"Cannot listen on port {port}: {getattr(error, 'strerror', None) or error}. "
                "Name another with --port, or 0 for any that is free."
            ) from error
        self.folder = folder
        self.news = News()
        self._names: frozenset[str] = frozenset()
        self._hosts = {f"{name}:{self.port}" for name in (HOST, "localhost")}
        if self.port == 80:
            self._hosts |= {HOST, "localhost"}

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.server_address[1])

    @property
    def address(self) -> str:
        """What to type into a browser."""
        return f"http://{HOST}:{self.port}/"

    def publish(self, pages: Iterable[Path], stamp: str) -> None:
        """Serve these files from now on, and say so."""
        self._names = frozenset(page.name for page in pages)
        self.news.publish(stamp)

    def allows(self, host: str | None) -> bool:
        """Whether a request that names this host is meant for us."""
        return host is not None and host.lower() in self._hosts

    def page(self, path: str) -> bytes | None:
        """The page at a path of a URL."""
        name = path.partition("?")[0].removeprefix("/") or INDEX
        if name not in self._names:
            return None
        try:
            return (self.folder / name).read_bytes()
        except OSError:
            # Removed this moment, since its team is no more.
            return None

    def server_bind(self) -> None:
        """Bind without asking a name server what this machine is called, as the library would."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.port

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away in the middle of an answer is no news."""

    def close(self) -> None:
        """End it, and everybody's waiting."""
        self.news.close()
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    server: PageServer
    timeout = PATIENCE_S
    server_version = "grader"
    sys_version = ""

    def do_GET(self) -> None:
        """A page, or the events."""
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        """What there is to say about a page."""
        self._answer(with_body=False)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what strangers ask for is nobody's to read."""

    def _answer(self, with_body: bool) -> None:
        if not self.server.allows(self.headers.get("Host")):
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST, "This server answers to 127.0.0.1 only")
        elif self.path == "/events" and with_body:
            self._events()
        elif (page := self.server.page(self.path)) is None:
            self.send_error(HTTPStatus.NOT_FOUND, "There is no such page")
        else:
            self._head("text/html; charset=utf-8", len(page))
            if with_body:
                self.wfile.write(page)

    def _head(self, kind: str, length: int | None = None) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()

    def end_headers(self) -> None:
        """With what keeps other sites from using the pages."""
        for name, value in (
            ("Content-Security-Policy", "frame-ancestors 'none'"),
            ("X-Content-Type-Options", "nosniff"),
            ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
        ):
            self.send_header(name, value)
        super().end_headers()

    def _events(self) -> None:
        """Server-sent events: the stamp of the latest pages, at once and at each change."""
        news = self.server.news
        if not news.join():
            self.send_error(HTTPStatus.SERVICE_UNAVAILABLE, "Too many pages are open")
            return
        try:
            self._head("text/event-stream")
            seen = ""
            while not news.closed:
                stamp = news.after(seen, HEARTBEAT_S)
                line = f"data: {stamp}\n\n" if stamp != seen else ": here\n\n"
                self.wfile.write(line.encode())
                seen = stamp
        except OSError:
            # The tab was closed, or takes nothing any more.
            self.close_connection = True
        finally:
            news.leave()
