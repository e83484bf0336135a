"""What comes back while a pair runs: the judge's events and the hand-in's prints, each read in a thread."""

from __future__ import annotations

import contextlib
import os
import re
import threading
import time
from collections.abc import Iterator
from typing import IO, Final

import msgspec

from grader.challenge import Limits
from grader.verdict import Event, Progress, Verdict, decode_event
from leaderboard.score import CurvePoint

CURVE_KEPT: Final = 500
_LOSS: Final = re.compile(
    rb"step\s*[:=]?\s*(\d{1,9})\b.{0,80}?loss\s*[:=]?\s*(\d{1,9}(?:\.\d{1,12})?)"
)


class Events:
    """Reads the judge's lines in a thread."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        assert stream is not None
        self.verdicts: list[Verdict] = []
        self.progress: Progress | None = None
        self.retired = False
        self.over = False
        """Whether the judge can say no more."""
        self._stream = stream
        self._changed = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def complete(self, count: int) -> bool:
        """Return whether `count` verdicts have come."""
        return len(self.verdicts) >= count

    def wait(self, seconds: float) -> None:
        """Wait for a next event, at most so long."""
        self._changed.wait(seconds)
        self._changed.clear()

    def join(self) -> None:
        """Wait for the end of the stream, which comes for certain: its only writer has ended."""
        self._thread.join(10.0)
        self._stream.close()

    def _read(self) -> None:
        for line in self._stream:
            event = _event(line)
            if isinstance(event, Verdict):
                self.verdicts.append(event)
            elif isinstance(event, Progress):
                self.progress = event
            elif event is not None:
                self.retired = True
            self._changed.set()
        self.over = True
        self._changed.set()


def _event(line: bytes) -> Event | None:
    try:
        return decode_event(line)
    except msgspec.DecodeError:
        # The interpreter's own last words (a fatal error) can stand between the lines.
        return None


class Prints:
    """Keeps the first and last prints of the hand-in, and the losses that it reports in them."""

    def __init__(self, stream: IO[bytes] | None, limits: Limits, started: float) -> None:
        assert stream is not None
        self.points: list[CurvePoint] = []
        self._half = (limits.output_kb << 10) // 2
        self._head = bytearray()
        self._tail = bytearray()
        self._dropped = 0
        self._line = b""
        self._stream = stream
        self._started = started
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def text(self) -> str:
        """Return what was kept."""
        gap = f"\n… {self._dropped} bytes not kept …\n".encode() if self._dropped else b""
        return bytes(self._head + gap + self._tail).decode("utf-8", "replace")

    def last_point(self) -> CurvePoint | None:
        """Return the newest loss that the hand-in printed."""
        return self.points[-1] if self.points else None

    def join(self) -> None:
        """Wait for the end of the stream."""
        self._thread.join(1.0)
        with contextlib.suppress(OSError):
            self._stream.close()

    def _read(self) -> None:
        for chunk in _chunks(self._stream):
            room = self._half - len(self._head)
            self._head += chunk[:room]
            self._tail += chunk[room:] if room > 0 else chunk
            surplus = len(self._tail) - self._half
            if surplus > 0:
                del self._tail[:surplus]
                self._dropped += surplus
            self._scan(chunk)

    def _scan(self, chunk: bytes) -> None:
        # Lines only; a line without end is not searched, so that no print can cost us time.
        lines = (self._line + chunk).split(b"\n")
        self._line = lines.pop()[-1000:]
        for line in lines[:100]:
            match = _LOSS.search(line[:1000])
            if match and len(self.points) < CURVE_KEPT:
                seconds = round(time.monotonic() - self._started, 3)
                point = CurvePoint(step=int(match[1]), loss=float(match[2]), seconds=seconds)
                self.points.append(point)


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    with contextlib.suppress(OSError, ValueError):
        while chunk := os.read(stream.fileno(), 1 << 16):
            yield chunk
