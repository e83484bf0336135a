"""Carries frames between a session and whoever answers: a worker's pipes, or a server in this process."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Protocol

import torch

from grader.worker import wire
from grader.worker.server import Server
from leaderboard.score import Status


class SessionLost(Exception):
    """No answer can come any more; `status` says whose fault and which."""

    def __init__(self, status: Status, message: str) -> None:
        super().__init__(message)
        self.status: Status = status


class Transport(Protocol):
    """Carries one request to the other end and one answer back."""

    def exchange(self, frame: wire.Frame, seconds: float) -> wire.Frame:
        """Return the answer; raises SessionLost where there is none within `seconds`."""
        ...

    def send(self, frame: wire.Frame, seconds: float) -> None:
        """Send what has no answer."""
        ...


class PipeTransport:
    """The pipes to a worker in another process. A thread reads, so that silence can be timed."""

    def __init__(self, reader: int, writer: int, limits: wire.FrameLimits | None = None) -> None:
        self._writer = writer
        self._outgoing: queue.Queue[wire.Frame] = queue.Queue()
        self._written: queue.Queue[OSError | None] = queue.Queue()
        self._limits = limits or wire.FrameLimits()
        # Bounded: a worker that floods the channel fills a pipe, not the judge's memory.
        self._frames: queue.Queue[wire.Frame | Exception] = queue.Queue(maxsize=2)
        threading.Thread(target=self._read_all, args=(reader,), daemon=True).start()
        # Written by a thread as well: a worker that stops reading must not stop our clock.
        threading.Thread(target=self._write_all, daemon=True).start()

    def receive(self, seconds: float, limit: float) -> wire.Frame:
        """Return the next frame from the worker; `limit` is what the learner is told was allowed."""
        try:
            item = self._frames.get(timeout=seconds)
        except queue.Empty:
            raise _too_slow(limit) from None
        if isinstance(item, wire.Frame):
            return item
        if isinstance(item, wire.WireError):
            raise SessionLost("violation", f"The hand-in's process broke the protocol: {item}.")
        raise SessionLost("crashed", "The hand-in's process ended before it answered.")

    def exchange(self, frame: wire.Frame, seconds: float) -> wire.Frame:
        """Send a request and return its answer; an answer that was already there is a violation."""
        if not self._frames.empty():
            self.receive(0, 0)
            raise SessionLost("violation", "The hand-in's process answered before it was asked.")
        started = time.monotonic()
        self.send(frame, seconds)
        return self.receive(max(0.0, seconds - (time.monotonic() - started)), seconds)

    def send(self, frame: wire.Frame, seconds: float) -> None:
        """Send a frame; raises SessionLost if nobody reads it."""
        self._outgoing.put(frame)
        try:
            error = self._written.get(timeout=seconds)
        except queue.Empty:
            raise _too_slow(seconds) from None
        if error is not None:
            raise SessionLost("crashed", "The hand-in's process ended before it was asked.")

    def wait_for_end(self, seconds: float) -> bool:
        """Wait until nobody can write to the channel any more; what still comes is thrown away."""
        deadline = time.monotonic() + seconds
        with contextlib.suppress(queue.Empty):
            while isinstance(
                self._frames.get(timeout=max(0.0, deadline - time.monotonic())), wire.Frame
            ):
                pass
            return True
        return False

    def _write_all(self) -> None:
        while True:
            frame = self._outgoing.get()
            try:
                wire.write_frame(lambda data: wire.write_all(self._writer, data), frame)
                self._written.put(None)
            except OSError as error:
                self._written.put(error)

    def _read_all(self, reader: int) -> None:
        received = 0
        try:
            while True:
                frame = wire.read_frame(lambda count: os.read(reader, count), self._limits)
                received += len(frame.header) + len(frame.payload)
                if received > self._limits.total:
                    raise wire.WireError(f"more than {self._limits.total} bytes in all")
                self._frames.put(frame)
        except (wire.WireError, wire.EndOfStream, OSError) as error:
            self._frames.put(error)


def _too_slow(limit: float) -> SessionLost:
    return SessionLost(
        "timeout",
        f"There was no answer within {limit:g} s, the most that one call may take: "
        "an endless loop, a deadlock, or far too slow?",
    )


class LocalTransport:
    """The same server in this process: the reference's side."""

    def __init__(self, module: ModuleType, rig: ModuleType | None, folder: Path) -> None:
        roots = {"submission": module, **({"rig": rig} if rig else {})}
        self._server = Server(roots, torch.device("cpu"), folder)

    def exchange(self, frame: wire.Frame, seconds: float) -> wire.Frame:
        """Return the answer of the server in this process; the deadline does not apply."""
        return self._server.answer(frame)

    def send(self, frame: wire.Frame, seconds: float) -> None:
        """Nothing that has no answer matters here."""
