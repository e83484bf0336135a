"""Warm pairs of judge and worker, one for each slot: gradings in milliseconds, any number of them.

    with Pool() as pool:
        score = pool.grade("attention.py", Attempt(find("04"), "ada"))

A pool gives the same scores as `grading.grade`, for the same hand-in and seed. What it cannot grade warm
it grades cold: challenges that train in two workers, CUDA devices (a process that has used CUDA cannot be
forked), and walls without a process namespace of their own.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Final

import msgspec

from grader import submission as submissions
from grader import sweeping
from grader.challenge import Challenge, Limits
from grader.errors import HandInError, JudgeFault
from grader.grading import Attempt, grade_submission, new_seed, scored, unread
from grader.submission import Submission
from grader.supervising import Channel, Follower, Outcome, Pair, finish
from grader.verdict import JudgeRequest, Run
from grader.walls import Wall, choose
from grader.warm import LostError, WarmChild, WarmJudge, WarmWorker, start_pair
from leaderboard.score import Score

ATTEMPTS: Final = 2


class Pool:
    """Grades hand-ins in `size` slots side by side. Close it, or use it as a context."""

    def __init__(self, size: int = 1, wall: Wall | None = None) -> None:
        self._wall = wall or choose()
        self._slots: list[_Slot] = []
        self._own = threading.local()
        self._lock = threading.Lock()
        # Threads that live as long as the pool: a walled process ends with the thread that started it.
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="slot")
        self._queued: set[Future[Score]] = set()

    def grade(self, source: str, attempt: Attempt, follower: Follower | None = None) -> Score:
        """Grade the hand-in at `source` as `grading.grade` does, and return its score."""
        try:
            submission = submissions.read(source, attempt.challenge.file_name)
        except HandInError as error:
            return unread(source, attempt, error)
        return self.submit(submission, attempt, follower).result()

    def submit(
        self, submission: Submission, attempt: Attempt, follower: Follower | None = None
    ) -> Future[Score]:
        """Queue a hand-in that was read already; its score comes when a slot has graded it.

        The follower is called in the slot's thread; where it stops the grading, the future raises
        GradingStopped, and the slot is free for the next.
        """
        future = self._threads.submit(lambda: self._slot().grade(submission, attempt, follower))
        self._queued.add(future)
        future.add_done_callback(self._queued.discard)
        return future

    async def agrade(self, submission: Submission, attempt: Attempt) -> Score:
        """Grade a hand-in that was read already, without blocking the event loop."""
        return await asyncio.wrap_future(self.submit(submission, attempt))

    def warm(self, challenge: Challenge) -> None:
        """Have a slot get ready for a challenge, and wait until it is; nothing where it is graded cold."""
        if not _can_be_warm(Attempt(challenge, ""), self._wall):
            return
        self._threads.submit(lambda: self._slot().prepare(challenge, challenge.limits)).result()

    def close(self) -> None:
        """End all processes; gradings that have not begun are dropped."""
        queued = list(self._queued)
        for future in queued:
            future.cancel()
        wait(queued)
        # While the threads live: the end of a thread ends what it has started, in no order.
        for slot in self._slots:
            slot.close()
        self._threads.shutdown()

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _slot(self) -> _Slot:
        if not hasattr(self._own, "slot"):
            self._own.slot = _Slot(self._wall)
            with self._lock:
                self._slots.append(self._own.slot)
        slot: _Slot = self._own.slot
        return slot


class _Key(msgspec.Struct, frozen=True):
    """What a warm pair is started for: of the limits, those that its processes begin with."""

    challenge: str
    specs: str
    open_files: int
    file_mb: int
    threads: int


class _Slot:
    """One warm pair at a time, for the challenge that was graded last."""

    def __init__(self, wall: Wall) -> None:
        self._wall = wall
        self._key: _Key | None = None
        self._judge: WarmJudge | None = None
        self._worker: WarmWorker | None = None
        self._modules: dict[_Key, list[str]] = {}
        # The folders of the two processes, each gone with its process.
        self._of_judge, self._of_worker = contextlib.ExitStack(), contextlib.ExitStack()

    def grade(
        self, submission: Submission, attempt: Attempt, follower: Follower | None = None
    ) -> Score:
        """Grade one hand-in, warm where that can be."""
        attempt.challenge.check_open()
        if not _can_be_warm(attempt, self._wall):
            return grade_submission(submission, attempt, self._wall, follower)
        limits = attempt.limits_in_force()
        run = Run(attempt.seed or new_seed())
        request = JudgeRequest(str(attempt.challenge.folder), attempt.device, limits, [run])

        def produce() -> Outcome:
            pair, child = self._start(attempt.challenge, submission, request)
            try:
                return finish(pair, request, follower)
            finally:
                if child.lost is not None:
                    self._drop_worker()

        return scored(attempt, {"": submission}, [run], self._wall.level, produce)[0]

    def _start(
        self, challenge: Challenge, submission: Submission, request: JudgeRequest
    ) -> tuple[Pair, WarmChild]:
        """Fork judge and worker for a hand-in, from new warm ones if those that we have are lost."""
        for _ in range(ATTEMPTS):
            try:
                judge, worker = self.prepare(challenge, request.limits)
                return start_pair(judge, worker, challenge, submission, request)
            except LostError as error:
                # Nothing of the hand-in has run yet.
                lost = error
                self.close()
        raise JudgeFault(f"Judge and worker could not be kept ready: {lost}.")

    def prepare(self, challenge: Challenge, limits: Limits) -> tuple[WarmJudge, WarmWorker]:
        """Return a judge and a worker that are ready for hand-ins of this challenge."""
        key = _Key(
            str(challenge.folder),
            challenge.specs_sha256(),
            limits.open_files,
            limits.file_mb,
            limits.threads,
        )
        if key != self._key:
            self.close()
            self._key = key
        judge, worker = self._judge, self._worker
        if judge is None:
            folder = self._of_judge.enter_context(sweeping.workspace())
            judge = self._judge = WarmJudge(challenge, folder)
        if worker is None:
            # While the judge warms up.
            folder = self._of_worker.enter_context(sweeping.workspace())
            worker = self._worker = WarmWorker(self._wall, folder, limits)
            worker.load([*challenge.imports, *self._modules.get(key, ())])
        judge.wait_until_ready()
        if key not in self._modules and challenge.sealed_in is not None:
            # To find out, a worker would be given the solution, by way of a disk.
            self._modules[key] = []
        elif key not in self._modules:
            self._modules[key] = _modules_of(judge, worker, challenge, limits)
            worker.load(self._modules[key])
        return judge, worker

    def close(self) -> None:
        """End the pair, if there is one."""
        self._drop_worker()
        if self._judge is not None:
            self._judge.close()
            self._judge = None
        self._key = None
        self._of_judge.close()

    def _drop_worker(self) -> None:
        if self._worker is not None:
            self._worker.close()
            self._worker = None
        self._of_worker.close()


def _can_be_warm(attempt: Attempt, wall: Wall) -> bool:
    return (
        wall.level == "strong"
        and not attempt.device.startswith("cuda")
        and attempt.challenge.workers == 1
    )


def _modules_of(
    judge: WarmJudge, worker: WarmWorker, challenge: Challenge, limits: Limits
) -> list[str]:
    """Grade the worked solution, and return what its process had imported at the end.

    Importing it before the fork saves each hand-in the time. It is our own code that tells.
    """
    submission = submissions.read(str(challenge.solution), challenge.file_name)
    request = JudgeRequest(str(challenge.folder), "cpu", limits, [Run("0")])
    channel = Channel()
    heard, told = os.pipe()
    try:
        judging = judge.start(request, channel)
        child = worker.start(challenge, submission, limits, channel, told)
    finally:
        channel.close()
        os.close(told)
    with child.stderr, judging.stderr, os.fdopen(heard, "rb") as names:
        # The judge ends when it has reported, and the worker when its channel is closed.
        threading.Thread(target=child.stderr.read, daemon=True).start()
        judging.stderr.read()
        found = names.read()
        judging.kill()
        child.kill()
    if child.lost is not None:
        raise child.lost
    return msgspec.json.decode(found, type=list[str]) if found else []
