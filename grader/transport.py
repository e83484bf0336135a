"""Carries frames between a session and whoever answers: a worker's pipes, or a server in this process."""

from __future__ import annotations

import time
from pathlib import Path
from types import ModuleType
from typing import Protocol

import torch

from grader.pipes import CHUNK, Ends
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
    """The pipes to a worker in another process."""

    def __init__(self, ends: Ends, limits: wire.FrameLimits | None = None) -> None:
        self._ends = ends
        self._limits = limits or wire.FrameLimits()
        self._received = 0

    def receive(self, deadline: float, limit: float) -> wire.Frame:
        """Return the next frame from the worker; `limit` is what the learner is told was allowed."""
        try:
            frame = wire.read_frame(lambda count: self._ends.read(count, deadline), self._limits)
            self._received += len(frame.header) + len(frame.payload)
            if self._received > self._limits.total:
                raise wire.WireError(f"more than {self._limits.total} bytes in all")
        except TimeoutError:
            raise _too_slow(limit) from None
        except wire.WireError as error:
            message = f"The hand-in's process broke the protocol: {error}."
            raise SessionLost("violation", message) from error
        except (wire.EndOfStream, OSError):
            message = "The hand-in's process ended before it answered."
            raise SessionLost("crashed", message) from None
        return frame

    def exchange(self, frame: wire.Frame, seconds: float) -> wire.Frame:
        """Send a request and return its answer; an answer that was already there is a violation."""
        deadline = time.monotonic() + seconds
        if self._ends.waiting():
            self.receive(deadline, seconds)
            raise SessionLost("violation", "The hand-in's process answered before it was asked.")
        self._send(frame, deadline, seconds)
        return self.receive(deadline, seconds)

    def send(self, frame: wire.Frame, seconds: float) -> None:
        """Send a frame; raises SessionLost if nobody reads it."""
        self._send(frame, time.monotonic() + seconds, seconds)

    def wait_for_end(self, seconds: float) -> bool:
        """Wait until nobody can write to the channel any more; what still comes is thrown away."""
        deadline = time.monotonic() + seconds
        try:
            while self._ends.read(CHUNK, deadline):
                pass
        except TimeoutError:
            return False
        return True

    def _send(self, frame: wire.Frame, deadline: float, limit: float) -> None:
        try:
            wire.write_frame(lambda data: self._ends.write(data, deadline), frame)
        except TimeoutError:
            raise _too_slow(limit) from None
        except OSError:
            message = "The hand-in's process ended before it was asked."
            raise SessionLost("crashed", message) from None


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
