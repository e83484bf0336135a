"""Starts judge and worker, owns the clock and the limits, kills, and collects what was said."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Final

import msgspec

import grader
from grader import sweeping
from grader.challenge import Challenge, Limits
from grader.errors import JudgeFault
from grader.submission import Submission
from grader.verdict import Event, JudgeRequest, Progress, Verdict, decode_event
from grader.walls import Job, Running, Wall
from grader.walls.base import describe_exit
from leaderboard.score import CurvePoint, Status

TICK: Final = 0.02
METER_EVERY: Final = 0.1
CURVE_KEPT: Final = 500
FILES_ALLOWED: Final = 10_000
WORKER_MODULES: Final = Path(grader.__file__).parent / "worker"
_LOSS: Final = re.compile(rb"step\s*[:=]?\s*(\d{1,9})\b.*?loss\s*[:=]?\s*(\d{1,9}(?:\.\d{1,12})?)")

OnProgress = Callable[[Progress, CurvePoint | None, float], None]


class Outcome(msgspec.Struct, frozen=True):
    """What one pair of judge and worker produced: a verdict per run, and what was used."""

    verdicts: list[Verdict]
    output: str
    curve: tuple[CurvePoint, ...]
    wall_s: float
    cpu_s: float
    peak_mb: float


class Limit(msgspec.Struct, frozen=True):
    """A limit that was reached."""

    status: Status
    message: str


def supervise(
    challenge: Challenge,
    hand_ins: Mapping[str, Submission],
    request: JudgeRequest,
    wall: Wall,
    on_progress: OnProgress | None = None,
) -> Outcome:
    """Run one judge and one worker to the end of every run, or to a limit.

    `hand_ins`: one under "", or a series of them by the folder that each run names.
    """
    with sweeping.workspace() as folder:
        job = _stage(folder, challenge, hand_ins, request)
        pair = _Pair(wall, job, _write_request(folder, request))
        try:
            limit = pair.watch(request, on_progress)
        finally:
            pair.end()
        return pair.outcome(request, limit)


def _stage(
    folder: Path, challenge: Challenge, hand_ins: Mapping[str, Submission], request: JudgeRequest
) -> Job:
    """Copy what the worker may see: its own modules, the rig, the hand-in."""
    worker, hand_in, scratch = folder / "worker", folder / "handin", folder / "scratch"
    shutil.copytree(WORKER_MODULES, worker, ignore=shutil.ignore_patterns("__pycache__"))
    hand_in.mkdir()
    scratch.mkdir()
    for name, submission in hand_ins.items():
        submission.write(hand_in / name)
    rig = None
    if challenge.rig is not None:
        rig = Path(shutil.copy(challenge.rig, folder / "rig.py"))
    for path in folder.rglob("*"):
        # Another user id reads them inside the strong wall.
        path.chmod(0o755 if path.is_dir() else 0o644)
    folder.chmod(0o711)
    cuda = request.device.startswith("cuda")
    return Job(worker, hand_in, rig, scratch, request.limits, cuda, _shown_name(hand_ins))


def _shown_name(hand_ins: Mapping[str, Submission]) -> str:
    """Return the main file's own name if it is an ordinary one, for tracebacks."""
    files = hand_ins[""].files if "" in hand_ins else {}
    name = next(iter(files), "")
    return name if re.fullmatch(r"[\w-]{1,60}\.py", name) else "submission.py"


def _write_request(folder: Path, request: JudgeRequest) -> Path:
    path = folder / "request.json"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(request))
    return path


class _Pair:
    """A running judge and worker with crossed streams."""

    def __init__(self, wall: Wall, job: Job, request: Path) -> None:
        self._started = time.monotonic()
        to_worker, to_judge = os.pipe(), os.pipe()
        try:
            self._judge = subprocess.Popen(
                [sys.executable, "-P", "-B", "-m", "grader.judge", str(request)],
                stdin=to_judge[0],
                stdout=to_worker[1],
                stderr=subprocess.PIPE,
                env=_judge_environment(),
                # Ctrl-C is the supervisor's to handle: it ends both in order.
                start_new_session=True,
            )
            try:
                self._worker: Running = wall.start(job, to_worker[0], to_judge[1], subprocess.PIPE)
            except BaseException:
                self._judge.kill()
                raise
        finally:
            for descriptor in (*to_worker, *to_judge):
                os.close(descriptor)
        self._limits = job.limits
        self._peak_mb = self._cpu_s = 0.0
        self._exit_code: int | None = None
        self._prints = _Prints(self._worker.process.stderr, job.limits, self._started)
        self._events = _Events(self._judge.stderr)

    def watch(self, request: JudgeRequest, on_progress: OnProgress | None) -> Limit | None:
        """Wait until the judge is done; returns the limit that was reached, if any."""
        metered = 0.0
        while self._judge.poll() is None and not self._events.complete(len(request.runs)):
            elapsed = time.monotonic() - self._started
            if elapsed > self._limits.wall_s:
                return _wall_limit(self._limits, elapsed)
            if elapsed - metered >= METER_EVERY:
                metered = elapsed
                limit = self._meter()
                if limit is not None:
                    return limit
                if on_progress is not None and self._events.progress is not None:
                    on_progress(self._events.progress, self._prints.last_point(), elapsed)
            self._events.wait(TICK)
        return None

    def _meter(self) -> Limit | None:
        usage = self._worker.usage(self._limits.memory_mb)
        self._peak_mb = max(self._peak_mb, usage.memory_mb)
        self._cpu_s = max(self._cpu_s, usage.cpu_s)
        limits = self._limits
        if usage.memory_mb > limits.memory_mb:
            used = f"{usage.memory_mb:.0f} MiB of memory; {limits.memory_mb} MiB are allowed"
            return Limit("out_of_memory", f"The hand-in used {used}.")
        if usage.cpu_s > limits.cpu_s:
            used = f"{usage.cpu_s:.0f} s of processor time; {limits.cpu_s:g} s are allowed"
            return Limit("timeout", f"The hand-in used {used}.")
        if usage.processes > limits.processes:
            used = f"{usage.processes} processes; {limits.processes} are allowed"
            return Limit("violation", f"The hand-in started {used}.")
        if usage.disk_mb > limits.file_mb:
            used = f"{usage.disk_mb:.0f} MiB of disk; {limits.file_mb} MiB are allowed"
            return Limit("violation", f"The hand-in used {used}.")
        if usage.files > FILES_ALLOWED:
            used = f"{usage.files} files; {FILES_ALLOWED} are allowed"
            return Limit("violation", f"The hand-in made {used}.")
        return None

    def end(self) -> None:
        """Kill what still runs and collect the last words."""
        with contextlib.suppress(Exception):
            self._meter()
        # The worker first: the judge then sees its end, never the other way round.
        if any(verdict.status == "crashed" for verdict in self._events.verdicts):
            # It is dead already; its exit code is worth the moment that it takes to be reaped.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._exit_code = self._worker.process.wait(0.5)
        self._worker.kill()
        # The judge ends by itself when it has reported, or when it sees that the worker is gone.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._judge.wait(0.2)
        self._judge.kill()
        self._judge.wait()
        self._events.join()
        self._prints.join()

    def _explained(self, verdict: Verdict) -> Verdict:
        """Say how a worker ended that ended too early."""
        code = self._exit_code
        if verdict.status != "crashed" or code is None:
            return verdict
        if describe_exit(code) == "signal SIGXCPU":
            # The kernel's own limit was faster than the watchdog.
            limit = f"The hand-in used more than {self._limits.cpu_s:g} s of processor time."
            return msgspec.structs.replace(verdict, status="timeout", message=limit)
        why = " Did it call os._exit or replace its process?" if code in (0, 1) else ""
        message = f"{verdict.message} It ended with {describe_exit(code)}.{why}"
        return msgspec.structs.replace(verdict, message=message)

    def outcome(self, request: JudgeRequest, limit: Limit | None) -> Outcome:
        """Return the verdicts; a limit stands in the place of those that never came."""
        verdicts = [self._explained(v) for v in self._events.verdicts[: len(request.runs)]]
        if limit is not None:
            verdicts = [_limited(verdict, limit) for verdict in verdicts]
            missing = len(request.runs) - len(verdicts)
            verdicts += [Verdict(limit.status, limit.message, [], None, "", "")] * missing
        if len(verdicts) != len(request.runs):
            raise JudgeFault(
                f"The judge ended ({self._judge.returncode}) before it had reported. "
                "Run again; if it stays, please report it."
            )
        return Outcome(
            verdicts,
            self._prints.text(),
            tuple(self._prints.points),
            round(time.monotonic() - self._started, 3),
            round(self._cpu_s, 3),
            round(self._peak_mb, 1),
        )


def _limited(verdict: Verdict, limit: Limit) -> Verdict:
    """The judge saw the worker die at a limit; the limit is the better explanation."""
    if verdict.status in ("graded", "ungradable", "grader_fault"):
        return verdict
    return msgspec.structs.replace(verdict, status=limit.status, message=limit.message)


def _wall_limit(limits: Limits, elapsed: float) -> Limit:
    return Limit(
        "timeout",
        f"The grading took {elapsed:.1f} s; {limits.wall_s:g} s are allowed (--timeout raises it).",
    )


def _judge_environment() -> dict[str, str]:
    """Return the caller's environment without what would steer Python, pytest or the threads."""
    steering = ("PYTHON", "PYTEST", "OMP_", "MKL_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(steering)}
    kept["PYTHONPATH"] = str(Path(grader.__file__).parent.parent)
    kept["OMP_NUM_THREADS"] = "1"
    return kept


class _Events:
    """Reads the judge's lines in a thread."""

    def __init__(self, stream: IO[bytes] | None) -> None:
        assert stream is not None
        self.verdicts: list[Verdict] = []
        self.progress: Progress | None = None
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
            elif event is not None:
                self.progress = event
            self._changed.set()
        self._changed.set()


def _event(line: bytes) -> Event | None:
    try:
        return decode_event(line)
    except msgspec.DecodeError:
        # The interpreter's own last words (a fatal error) can stand between the lines.
        return None


class _Prints:
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
