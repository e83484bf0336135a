"""Starts judge and worker, owns the clock and the limits, kills, and collects what was said."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final, Protocol

import msgspec

import grader
from grader import keyring, sweeping
from grader.challenge import Challenge, Limits
from grader.errors import GradingStopped, JudgeFault
from grader.listening import Events, Prints
from grader.submission import Submission
from grader.verdict import JudgeRequest, Progress, Verdict
from grader.walls import Job, Running, Usage, Wall
from grader.walls.base import describe_exit, make_readable
from leaderboard.score import CurvePoint, Status

TICK: Final = 0.02
METER_EVERY: Final = 0.1
FILES_ALLOWED: Final = 10_000
# A machine has room for some ten thousand, of all its users together.
THREADS_ALLOWED: Final = 1000
WORKER_MODULES: Final = Path(grader.__file__).parent / "worker"


class Follower:
    """Follows a grading: is told how far it is, and may stop it. This one does neither."""

    def progress(self, progress: Progress, point: CurvePoint | None, elapsed: float) -> None:
        """A spec runs. `point`: the loss that the hand-in printed last; `elapsed`: seconds so far."""

    def stopped(self) -> bool:
        """Whether nobody waits for the score any more; asked every few milliseconds."""
        return False


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
    follower: Follower | None = None,
) -> Outcome:
    """Run one judge and one worker to the end of every run, or to a limit.

    `hand_ins`: one under "", or a series of them by the folder that each run names.
    """
    with sweeping.workspace() as folder:
        jobs = _stage(folder, challenge, hand_ins, request)
        return finish(_start_pair(wall, jobs, folder, request), request, follower)


def finish(pair: Pair, request: JudgeRequest, follower: Follower | None = None) -> Outcome:
    """Watch a pair until it is done or a limit is reached, end it, and return what it produced."""
    try:
        limit = pair.watch(request, follower)
    finally:
        pair.end()
    return pair.outcome(request, limit)


def _stage(
    folder: Path, challenge: Challenge, hand_ins: Mapping[str, Submission], request: JudgeRequest
) -> list[Job]:
    """Copy what the workers may see: their own modules, the rig, the hand-in."""
    worker, hand_in = copy_worker(folder), folder / "handin"
    # Other descriptors than the standard streams reach the judge on POSIX systems only.
    count = challenge.workers if os.name == "posix" else 1
    scratches = [folder / f"scratch{number}" for number in range(count)]
    for path in (hand_in, *scratches):
        path.mkdir()
    for name, submission in hand_ins.items():
        submission.write(hand_in / name)
    rig = None
    if challenge.rig is not None:
        rig = Path(shutil.copy(challenge.rig, folder / "rig.py"))
    make_readable(folder)
    cuda = request.device.startswith("cuda")
    name = shown_name(hand_ins.get(""))
    return [Job(worker, hand_in, rig, scratch, request.limits, cuda, name) for scratch in scratches]


def copy_worker(folder: Path) -> Path:
    """Copy the worker's modules into a folder that a wall can show."""
    worker = folder / "worker"
    shutil.copytree(WORKER_MODULES, worker, ignore=shutil.ignore_patterns("__pycache__"))
    return worker


def shown_name(submission: Submission | None) -> str:
    """Return the main file's own name if it is an ordinary one, for tracebacks."""
    name = next(iter(submission.files), "") if submission else ""
    return name if re.fullmatch(r"[\w-]{1,60}\.py", name) else "submission.py"


def _write_request(folder: Path, request: JudgeRequest) -> Path:
    path = folder / "request.json"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(request))
    return path


class Channel:
    """Two pipes between the judge and one worker."""

    def __init__(self) -> None:
        self.to_worker, self.to_judge = os.pipe(), os.pipe()

    @property
    def judge_end(self) -> tuple[int, int]:
        """The judge's descriptors, to read and to write."""
        return self.to_judge[0], self.to_worker[1]

    def close(self) -> None:
        """Close this process's copies of all four ends."""
        for descriptor in (*self.to_worker, *self.to_judge):
            os.close(descriptor)


class JudgeProcess(Protocol):
    """What a supervisor needs of a judge: a process of its own, or a child of a warm one."""

    @property
    def stderr(self) -> IO[bytes] | None:
        """Its line to the supervisor."""
        ...

    @property
    def returncode(self) -> int | None:
        """How it ended, if that is known."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end; raises subprocess.TimeoutExpired."""
        ...

    def kill(self) -> None:
        """End it."""
        ...


class Pair:
    """A running judge and its worker, or two workers, with crossed streams."""

    def __init__(
        self,
        judge: JudgeProcess,
        workers: Sequence[Running],
        request: JudgeRequest,
        started: float,
    ) -> None:
        """`started`: when that began, by time.monotonic."""
        self._started = started
        self._judge = judge
        self._workers = workers
        self._limits = request.limits
        self._peak_mb = self._cpu_s = 0.0
        self._exit_code: int | None = None
        self._prints = [Prints(worker.stderr, request.limits, started) for worker in workers]
        self._events = Events(judge.stderr)

    def watch(self, request: JudgeRequest, follower: Follower | None) -> Limit | None:
        """Wait until the judge is done; returns the limit that was reached, if any.

        Raises GradingStopped when the follower has stopped it.
        """
        metered = 0.0
        while not self._events.over and not self._events.complete(len(request.runs)):
            elapsed = time.monotonic() - self._started
            if self._events.retired and self._workers[0].poll() is None:
                self._meter()
                self._workers[0].kill()
            if elapsed > self._limits.wall_s:
                return _wall_limit(self._limits, elapsed)
            if elapsed - metered >= METER_EVERY:
                metered = elapsed
                limit = self._meter()
                if limit is not None:
                    return limit
                if follower is not None and self._events.progress is not None:
                    point = self._prints[0].last_point()
                    follower.progress(self._events.progress, point, elapsed)
            if follower is not None and follower.stopped():
                raise GradingStopped("The grading was stopped before it had a score.")
            self._events.wait(TICK)
        return None

    def _meter(self) -> Limit | None:
        usage = _sum([worker.usage(self._limits.memory_mb) for worker in self._workers])
        self._peak_mb = max(self._peak_mb, usage.memory_mb)
        self._cpu_s = max(self._cpu_s, usage.cpu_s)
        return _limit_of(usage, self._limits)

    def end(self) -> None:
        """Kill what still runs and collect the last words."""
        with contextlib.suppress(Exception):
            self._meter()
        # The worker first: the judge then sees its end, never the other way round.
        if any(verdict.status == "crashed" for verdict in self._events.verdicts):
            # It is dead already; its exit code is worth the moment that it takes to be reaped.
            worker = self._workers[-1 if self._events.retired else 0]
            self._exit_code = worker.exit_code(0.5)
        for worker in self._workers:
            worker.kill()
        # The judge ends by itself when it has reported, or when it sees that the worker is gone.
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._judge.wait(0.2)
        self._judge.kill()
        self._judge.wait()
        self._events.join()
        for prints in self._prints:
            prints.join()

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
            "".join(prints.text() for prints in self._prints),
            tuple(self._prints[0].points),
            round(time.monotonic() - self._started, 3),
            round(self._cpu_s, 3),
            round(self._peak_mb, 1),
        )


def _start_pair(wall: Wall, jobs: list[Job], folder: Path, request: JudgeRequest) -> Pair:
    started = time.monotonic()
    workers: list[Running] = []
    channels = [Channel() for _ in jobs]
    try:
        judge = _start_judge(channels, folder, request)
        try:
            for job, channel in zip(jobs, channels, strict=True):
                streams = channel.to_worker[0], channel.to_judge[1], subprocess.PIPE
                workers.append(wall.start(job, *streams))
        except BaseException:
            judge.kill()
            for worker in workers:
                worker.kill()
            raise
    finally:
        for channel in channels:
            channel.close()
    return Pair(judge, workers, request, started)


def _start_judge(
    channels: list[Channel], folder: Path, request: JudgeRequest
) -> subprocess.Popen[bytes]:
    """Start the judge with the first channel as its standard streams, and the second beside them."""
    (reader, writer), *others = [channel.judge_end for channel in channels]
    second = others[0] if others else None
    told = msgspec.structs.replace(request, second=second, supervisor=os.getpid())
    path = _write_request(folder, told)
    # Some of torch's modules make folders of their own as soon as they are imported.
    scratch = folder / "judge"
    scratch.mkdir(0o700)
    return subprocess.Popen(
        [sys.executable, "-P", "-B", "-m", "grader.judge", str(path)],
        stdin=reader,
        stdout=writer,
        stderr=subprocess.PIPE,
        env={**judge_environment(), "TMPDIR": str(scratch)},
        pass_fds=[descriptor for end in others for descriptor in end],
        # Ctrl-C is the supervisor's to handle: it ends all in order.
        start_new_session=True,
    )


def _limit_of(usage: Usage, limits: Limits) -> Limit | None:
    """Return the first limit that is exceeded: what was used, and what is allowed."""
    checks: tuple[tuple[Status, str, float, float, str], ...] = (
        ("out_of_memory", "used", usage.memory_mb, limits.memory_mb, " MiB of memory"),
        ("timeout", "used", usage.cpu_s, limits.cpu_s, " s of processor time"),
        ("violation", "started", usage.processes, limits.processes, " processes"),
        ("violation", "started", usage.threads, THREADS_ALLOWED, " threads"),
        ("violation", "used", usage.disk_mb, limits.file_mb, " MiB of disk"),
        ("violation", "made", usage.files, FILES_ALLOWED, " files"),
    )
    for status, verb, used, allowed, what in checks:
        if used > allowed:
            unit = what.partition(" of ")[0] if " of " in what else ""
            words = f"{used:.0f}{what}; {allowed:.10g}{unit} are allowed"
            return Limit(status, f"The hand-in {verb} {words}.")
    return None


def _sum(usages: list[Usage]) -> Usage:
    return Usage(
        cpu_s=sum(usage.cpu_s for usage in usages),
        memory_mb=sum(usage.memory_mb for usage in usages),
        processes=sum(usage.processes for usage in usages),
        threads=sum(usage.threads for usage in usages),
        disk_mb=sum(usage.disk_mb for usage in usages),
        files=sum(usage.files for usage in usages),
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


def judge_environment() -> dict[str, str]:
    """Return the caller's environment without keys, and what would steer Python, pytest or threads."""
    steering = ("PYTHON", "PYTEST", "OMP_", "MKL_", *keyring.NAMES)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(steering)}
    kept["PYTHONPATH"] = str(Path(grader.__file__).parent.parent)
    kept["OMP_NUM_THREADS"] = "1"
    return kept
