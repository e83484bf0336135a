"""The trusted end of warm processes: a worker and a judge that fork a child for each hand-in.

Importing torch costs seconds and a fork milliseconds. A worker may serve the next hand-in only if it is
shown to be as it was: it says so itself, and it is looked at from outside. In doubt it is thrown away.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Final

import msgspec
import psutil

from grader.challenge import Challenge, Limits
from grader.submission import Submission
from grader.supervising import (
    Channel,
    Pair,
    copy_worker,
    judge_environment,
    shown_name,
)
from grader.verdict import JudgeRequest
from grader.walls import Job, Running, Wall
from grader.walls.base import make_readable

STARTING_S: Final = 60.0
SWEEPING_S: Final = 3.0
ANSWER_S: Final = 10.0
MAX_ANSWER: Final = 1 << 20
GROWTH_MB: Final = 32.0


class LostError(Exception):
    """A warm process does not answer, or is not what it was; it must be replaced."""


class _Orders:
    """One end of the socket to a warm process: an order with descriptors, an answer."""

    def __init__(self) -> None:
        self.ours, self.theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def ask(
        self, order: dict[str, Any], descriptors: Sequence[int] = (), seconds: float = ANSWER_S
    ) -> dict[str, Any]:
        """Send an order and return its answer; raises LostError where there is none in time."""
        self.send(order, descriptors, seconds)
        return self.answer(seconds)

    def send(
        self, order: dict[str, Any], descriptors: Sequence[int] = (), seconds: float = ANSWER_S
    ) -> None:
        """Send an order, whose answer is the next one."""
        try:
            self.ours.settimeout(seconds)
            socket.send_fds(self.ours, [json.dumps(order).encode()], descriptors)
        except OSError as error:
            raise LostError(f"an order could not be sent: {error}") from error

    def answer(self, seconds: float) -> dict[str, Any]:
        """Return the next answer."""
        try:
            self.ours.settimeout(seconds)
            data = self.ours.recv(MAX_ANSWER)
            answer = msgspec.json.decode(data, type=dict[str, Any])
        except (OSError, msgspec.MsgspecError) as error:
            raise LostError(f"no answer: {error}") from error
        return answer


class WarmWorker:
    """A worker behind a wall that has imported torch and waits for hand-ins."""

    def __init__(self, wall: Wall, folder: Path, limits: Limits) -> None:
        self._folder = folder
        self._orders = _Orders()
        self._count = 0
        copy_worker(folder)
        job = Job(folder / "worker", folder / "handin", None, folder / "scratch", limits, warm=True)
        for path in (job.hand_in, job.scratch):
            path.mkdir()
        make_readable(folder)
        nowhere = subprocess.DEVNULL
        self._running = wall.start(job, self._orders.theirs.fileno(), nowhere, nowhere)
        self._orders.theirs.close()
        try:
            self._orders.answer(STARTING_S)
        except LostError:
            self.close()
            raise
        # The wall's own processes and the worker itself: whoever else is there belongs to a hand-in.
        self._own = {process.pid for process in self._running.tree()}
        self._memory_mb = self._resident_mb()
        self._disk = self._running.disk()

    def load(self, modules: Sequence[str]) -> None:
        """Have it import what hand-ins for a challenge would import one by one."""
        self._orders.ask({"do": "import", "names": list(modules)}, seconds=STARTING_S)
        self._memory_mb = self._resident_mb()

    def start(
        self,
        challenge: Challenge,
        submission: Submission,
        limits: Limits,
        channel: Channel,
        tells: int | None = None,
    ) -> WarmChild:
        """Fork a child for one hand-in. `tells`: where it writes the modules that it has imported."""
        name, rig = self._place(challenge, submission)
        prints, told = os.pipe()
        order = {
            "do": "start",
            "folder": name,
            "rig": rig,
            "shown_name": shown_name(submission),
            "cpu_s": limits.cpu_s,
        }
        ends = [channel.to_worker[0], channel.to_judge[1], told]
        try:
            self._orders.ask(order, ends if tells is None else [*ends, tells])
        except BaseException:
            os.close(prints)
            raise
        finally:
            os.close(told)
        return WarmChild(self, os.fdopen(prints, "rb"))

    def _place(self, challenge: Challenge, submission: Submission) -> tuple[str, str | None]:
        """Write what it may see; returns the names of the hand-in's folder and of the rig."""
        self._count += 1
        name, place = f"{self._count}", self._folder / "handin"
        submission.write(place / name)
        rig = None
        if challenge.rig is not None:
            # Beside the hand-in's folder, so that the hand-in cannot have a file of that name.
            rig = f"rig_{name}.py"
            shutil.copy(challenge.rig, place / rig)
        make_readable(place)
        return name, rig

    def members(self) -> list[psutil.Process]:
        """Return the processes of the hand-in, dead ones that nobody waited for among them."""
        return [process for process in self._running.tree() if process.pid not in self._own]

    def disk(self) -> tuple[int, int]:
        """Return the bytes and the number of files that the hand-in has in its scratch folders."""
        (size, files), (at_first, before) = self._running.disk(), self._disk
        return size - at_first, files - before

    def sweep(self) -> int:
        """End all that is left of a hand-in; returns how its process ended. Raises LostError in doubt."""
        try:
            answer = self._orders.ask({"do": "sweep"}, seconds=SWEEPING_S)
        finally:
            for path in (self._folder / "handin").iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        doubt = answer.get("swept", "nothing said")
        if doubt is None and self.members():
            doubt = "processes"
        if doubt is None and self.disk() != (0, 0):
            doubt = "files"
        if doubt is None and self._resident_mb() > self._memory_mb + GROWTH_MB:
            doubt = "memory"
        status = answer.get("status")
        if doubt is not None or not isinstance(status, int):
            raise LostError(f"a hand-in has left something behind: {doubt}")
        return status

    def close(self) -> None:
        """End it and all that descends from it."""
        self._orders.ours.close()
        self._running.kill()

    def _resident_mb(self) -> float:
        with contextlib.suppress(psutil.Error):
            return sum(
                process.memory_info().rss
                for process in self._running.tree()
                if process.pid in self._own
            ) / (1 << 20)
        return 0.0


class WarmChild(Running):
    """The process of one hand-in, forked from a warm worker, and everything that it started."""

    def __init__(self, worker: WarmWorker, prints: IO[bytes]) -> None:
        self._worker = worker
        self._scratch = None
        self._cpu = {}
        self._most_cpu = 0.0
        self._prints = prints
        self.lost: LostError | None = None
        self._status: int | None = None
        self._ended = False

    @property
    def stderr(self) -> IO[bytes]:
        """The hand-in's prints."""
        return self._prints

    def poll(self) -> int | None:
        """Return the exit code, or None while it has not been swept away."""
        return self._status

    def exit_code(self, patience: float) -> int | None:
        """Return how it ended, if it ends by itself within so many seconds."""
        deadline = time.monotonic() + patience
        while any(_lives(process) for process in self._worker.members()[:1]):
            if time.monotonic() > deadline:
                return None
            time.sleep(0.005)
        self.kill()
        return self._status

    def kill(self) -> None:
        """Have the worker end the hand-in, and find out whether the worker can go on."""
        if self._ended:
            return
        self._ended = True
        try:
            self._status = os.waitstatus_to_exitcode(self._worker.sweep())
        except LostError as lost:
            self.lost = lost
            self._worker.close()

    def tree(self) -> list[psutil.Process]:
        """Return the hand-in's processes."""
        return self._worker.members()

    def disk(self) -> tuple[int, int]:
        """Return the bytes and files in the scratch folders."""
        return self._worker.disk()


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


class WarmJudge:
    """A judge that has imported torch and the specs of one challenge, and waits for hand-ins."""

    def __init__(self, challenge: Challenge, folder: Path) -> None:
        self._orders = _Orders()
        self._ready = False
        scratch = folder / "judge"
        scratch.mkdir(mode=0o700)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-B", "-m", "grader.warm_judge", str(challenge.folder)],
            stdin=self._orders.theirs.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={**judge_environment(), "TMPDIR": str(scratch)},
            start_new_session=True,
        )
        self._orders.theirs.close()

    def wait_until_ready(self) -> None:
        """Wait for the end of its warming up, if it has not ended before."""
        if not self._ready:
            self._orders.answer(STARTING_S)
            self._ready = True

    def start(self, request: JudgeRequest, channel: Channel) -> WarmVerdicts:
        """Have it fork a child that judges one hand-in over the channel."""
        report, told = os.pipe()
        order = {"do": "judge", "request": msgspec.to_builtins(request)}
        try:
            self._orders.send(order, [*channel.judge_end, told])
        except BaseException:
            os.close(report)
            raise
        finally:
            os.close(told)
        return WarmVerdicts(self, os.fdopen(report, "rb"))

    def wait_for_child(self) -> None:
        """Wait until the child that was ordered last is there."""
        self._orders.answer(ANSWER_S)

    def end_child(self) -> None:
        """End the child that judges now, if there is one."""
        self._orders.ask({"do": "end"})

    def close(self) -> None:
        """End it. A child that still judges ends with its channel."""
        self._orders.ours.close()
        self._process.kill()
        self._process.wait()


class WarmVerdicts:
    """A child of a warm judge, as far as a supervisor has to do with it."""

    returncode = None

    def __init__(self, judge: WarmJudge, report: IO[bytes]) -> None:
        self.stderr = report
        self._judge = judge
        self._begun = self._over = False

    def wait_until_begun(self) -> None:
        """Wait for the fork; raises LostError."""
        if not self._begun:
            self._begun = True
            self._judge.wait_for_child()

    def wait(self, timeout: float | None = None) -> int:
        """Return at once: it was ended, or is going to be."""
        return 0

    def kill(self) -> None:
        """End it."""
        if not self._over:
            self._over = True
            with contextlib.suppress(LostError):
                self.wait_until_begun()
                self._judge.end_child()


def start_pair(
    judge: WarmJudge,
    worker: WarmWorker,
    challenge: Challenge,
    submission: Submission,
    request: JudgeRequest,
) -> tuple[Pair, WarmChild]:
    """Fork a judge and a worker for one hand-in, both at the same time."""
    channel = Channel()
    started = time.monotonic()
    try:
        judging = judge.start(request, channel)
        try:
            child = worker.start(challenge, submission, request.limits, channel)
            judging.wait_until_begun()
        except BaseException:
            judging.kill()
            judging.stderr.close()
            raise
    finally:
        channel.close()
    return Pair(judging, [child], request, started), child
