"""Reading and writing pipes with a deadline, so that silence can be timed.

Where the system can wait for a pipe (POSIX), one thread does it all: a call costs what its bytes cost.
Elsewhere a thread reads and another one writes, and the deadline is that of a queue between them.
"""

from __future__ import annotations

import contextlib
import os
import queue
import select
import threading
import time
from typing import Final, Protocol, TypeVar

T = TypeVar("T")
CHUNK: Final = 1 << 18
HELD: Final = 4
"""Chunks that are read ahead by a thread: who floods a pipe fills it, and not our memory."""


class Ends(Protocol):
    """The end of a pipe to read from and the end of another to write to. Deadlines are monotonic times."""

    def read(self, count: int, deadline: float) -> bytes:
        """Return at most `count` bytes, b"" at the end; raises TimeoutError."""
        ...

    def write(self, data: bytes, deadline: float) -> None:
        """Write all of it; raises TimeoutError, and OSError where nobody reads."""
        ...

    def waiting(self) -> bool:
        """Whether a read would return at once, with bytes or with the end."""
        ...


class PolledEnds:
    """Waits for the descriptors themselves."""

    def __init__(self, reader: int, writer: int) -> None:
        self._reader, self._writer = reader, writer
        os.set_blocking(writer, False)
        self._readable, self._writable = select.poll(), select.poll()
        self._readable.register(reader, select.POLLIN)
        self._writable.register(writer, select.POLLOUT)
        self._held = b""

    def read(self, count: int, deadline: float) -> bytes:
        """Return at most `count` bytes."""
        if not self._held:
            _wait(self._readable, deadline)
            # More than was asked for: prefix, header and payload mostly come in one piece.
            self._held = os.read(self._reader, CHUNK)
        part, self._held = self._held[:count], self._held[count:]
        return part

    def write(self, data: bytes, deadline: float) -> None:
        """Write all of it."""
        view = memoryview(data)
        while view:
            try:
                view = view[os.write(self._writer, view) :]
            except BlockingIOError:
                _wait(self._writable, deadline)

    def waiting(self) -> bool:
        """Whether a read would return at once."""
        return bool(self._held) or bool(self._readable.poll(0))


class ThreadedEnds:
    """Leaves the waiting to two threads."""

    def __init__(self, reader: int, writer: int) -> None:
        self._held = b""
        self._over = False
        self._read: queue.Queue[bytes] = queue.Queue(maxsize=HELD)
        self._outgoing: queue.Queue[bytes] = queue.Queue()
        self._written: queue.Queue[OSError | None] = queue.Queue()
        for work in ((self._read_all, reader), (self._write_all, writer)):
            threading.Thread(target=work[0], args=work[1:], daemon=True, name="pipe").start()

    def read(self, count: int, deadline: float) -> bytes:
        """Return at most `count` bytes."""
        if not self._held and not self._over:
            self._held = _next(self._read, deadline)
            self._over = not self._held
        part, self._held = self._held[:count], self._held[count:]
        return part

    def write(self, data: bytes, deadline: float) -> None:
        """Write all of it."""
        self._outgoing.put(data)
        error = _next(self._written, deadline)
        if error is not None:
            raise error

    def waiting(self) -> bool:
        """Whether a read would return at once."""
        return bool(self._held) or self._over or not self._read.empty()

    def _read_all(self, reader: int) -> None:
        with contextlib.suppress(OSError):
            while part := os.read(reader, CHUNK):
                self._read.put(part)
        self._read.put(b"")

    def _write_all(self, writer: int) -> None:
        while True:
            view = memoryview(self._outgoing.get())
            try:
                while view:
                    view = view[os.write(writer, view) :]
                self._written.put(None)
            except OSError as error:
                self._written.put(error)


def ends(reader: int, writer: int) -> Ends:
    """Return the kind that this system can have."""
    return (PolledEnds if hasattr(select, "poll") else ThreadedEnds)(reader, writer)


def _wait(poll: select.poll, deadline: float) -> None:
    while True:
        left = deadline - time.monotonic()
        # Rounded up: a wait of less than a millisecond is one, not none.
        if poll.poll(max(0.0, left) * 1000 + 1):
            return
        if left <= 0:
            raise TimeoutError


def _next(waiting: queue.Queue[T], deadline: float) -> T:
    try:
        return waiting.get(timeout=max(0.0, deadline - time.monotonic()))
    except queue.Empty:
        raise TimeoutError from None
