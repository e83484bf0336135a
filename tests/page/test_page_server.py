"""The server of a live page: this machine's browsers only, and no client in another's way."""

from __future__ import annotations

import http.client
import queue
import socket
import threading
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest
from page_scores import EVENT, NOW, attempt

from leaderboard.errors import PageError, StoreReadError
from leaderboard.page import server as serving
from leaderboard.page.build import build
from leaderboard.page.live import changes, serve
from leaderboard.page.server import PageServer
from leaderboard.store import Store


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PageServer]:
    """A server of some pages; beside their folder lies a secret."""
    (tmp_path / "secret.html").write_text("secret")
    pages = build([attempt()], EVENT, tmp_path / "page", NOW, live=True)
    (tmp_path / "page" / "late.html").write_text("secret")
    found = PageServer(tmp_path / "page")
    found.publish(pages, "first")
    thread = threading.Thread(target=found.serve_forever)
    thread.start()
    yield found
    found.close()
    thread.join()


def ask(
    server: PageServer, path: str, host: str | None = None, method: str = "GET"
) -> tuple[int, bytes]:
    """The status and the body of an answer."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader("Host", host or f"127.0.0.1:{server.port}")
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def listen(server: PageServer) -> socket.socket:
    """A client of the events that has asked and not yet read."""
    client = socket.create_connection(("127.0.0.1", server.port), timeout=10)
    client.sendall(f"GET /events HTTP/1.1\r\nHost: localhost:{server.port}\r\n\r\n".encode())
    return client


def read_until(client: socket.socket, wanted: bytes) -> bytes:
    """What a client is sent, up to something."""
    got = b""
    while wanted not in got:
        part = client.recv(4096)
        assert part, f"the connection has ended after {got!r}"
        got += part
    return got


def test_it_listens_on_this_machine_only(server: PageServer) -> None:
    """Its socket is bound to 127.0.0.1."""
    assert server.socket.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize("path", ["/", "/index.html", "/index.html?x=1", "/challenge-04.html"])
def test_pages_are_served(server: PageServer, path: str) -> None:
    """The pages that were made are answered whole; a HEAD has no body."""
    assert ask(server, path)[0] == 200
    assert ask(server, path)[1].endswith(b"</html>\n")
    assert ask(server, path, method="HEAD") == (200, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.html",
        "/%2e%2e/secret.html",
        "/..%2fsecret.html",
        "//etc/passwd",
        "/page/../../secret.html",
        "/.pages.json",
        "/late.html",
        "/nothing.html",
        "/events/",
        "http://evil.example/index.html",
    ],
)
def test_nothing_else_is_served(server: PageServer, path: str) -> None:
    """No path leads out of the folder, to its list, or to a file that is no page."""
    status, body = ask(server, path)

    assert status == 404
    assert b"secret" not in body.replace(path.encode(), b"")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", " "]
)
def test_a_foreign_host_is_refused(server: PageServer, host: str) -> None:
    """A name that somebody else has led to this machine reads nothing, events included."""
    assert ask(server, "/", host)[0] == 421
    assert ask(server, "/events", host)[0] == 421


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_it_can_only_be_read(server: PageServer, method: str) -> None:
    """There is nothing to send to it."""
    assert ask(server, "/", method=method)[0] == 501


def test_listeners_are_told_of_each_change(server: PageServer, tmp_path: Path) -> None:
    """Whoever listens gets the present stamp at once, and each later one."""
    with listen(server) as one, listen(server) as other:
        for client in (one, other):
            assert b"text/event-stream" in read_until(client, b"data: first\n\n")
        server.publish([], "second")
        for client in (one, other):
            read_until(client, b"data: second\n\n")


def test_a_client_that_vanishes_gives_its_seat_back(
    server: PageServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Listeners that are gone are noticed by the next heartbeat; their seats are free again."""
    monkeypatch.setattr(serving, "MAX_LISTENERS", 1)
    monkeypatch.setattr(serving, "HEARTBEAT_S", 0.01)
    with listen(server) as client:
        read_until(client, b"data: first")
        with listen(server) as refused:
            read_until(refused, b"503")
    status = b"503"
    while status == b"503":
        with listen(server) as again:
            status = read_until(again, b"\r\n").split()[1]

    assert status == b"200"


def test_clients_that_do_nothing_keep_nobody_waiting(server: PageServer) -> None:
    """Beside a client that sends no request and ten that read no answer, another is served."""
    idle = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(10)]
    idle += [listen(server) for _ in range(10)]

    assert ask(server, "/")[0] == 200
    for client in idle:
        client.close()


def test_a_page_that_was_removed_this_moment_is_not_found(server: PageServer) -> None:
    """Between two builds a page may be gone: an answer, and no crash."""
    (server.folder / "desk.html").unlink()

    assert ask(server, "/desk.html")[0] == 404


def test_a_port_that_is_taken_is_a_sentence(server: PageServer) -> None:
    """The error names the port and the option."""
    with pytest.raises(PageError, match=rf"{server.port}.*--port"):
        PageServer(server.folder, server.port)


def test_a_build_that_fails_is_told_and_the_pages_stay(tmp_path: Path) -> None:
    """If the store cannot be read for a moment, the pages before stay, and the next score helps."""
    store, stopped, told = Store(tmp_path / "scores"), threading.Event(), queue.Queue[str]()
    server = PageServer(tmp_path / "page")
    numbers = count(1)

    def make() -> tuple[list[Path], str]:
        # The second is of what came before the watch stood.
        if (number := next(numbers)) == 2:
            raise StoreReadError("The disk is away.")
        return build(store.read()[0], EVENT, tmp_path / "page", NOW), f"build {number}"

    arguments = (server, store, [], make, told.put, stopped)
    thread = threading.Thread(target=serve, args=arguments)
    thread.start()
    try:
        with listen(server) as client:
            read_until(client, b"data: build 1\n\n")
            assert told.get(timeout=20) == "The disk is away."
            assert ask(server, "/")[0] == 200
            store.add(attempt("later"))
            read_until(client, b"data: build 3\n\n")
    finally:
        stopped.set()
        thread.join()


@pytest.mark.parametrize("what", ["score", "rules", "store"])
def test_changes_are_noticed(tmp_path: Path, what: str) -> None:
    """A score, other rules, and a store that was removed and made again each lead to a build."""
    store, rules = Store(tmp_path / "scores"), tmp_path / "leaderboard.toml"
    store.add(attempt())
    stopped = threading.Event()
    found = changes(store, [rules], stopped)
    # At once, and once more for what came before the watch stood.
    next(found)
    next(found)
    if what == "score":
        store.add(attempt("new"))
    elif what == "rules":
        rules.write_text('title = "Another"')
    else:
        store.path.rename(tmp_path / "away")
    timer = threading.Timer(20, stopped.set)
    timer.start()
    next(found)
    timer.cancel()

    assert not stopped.is_set()
    assert store.path.is_dir()
