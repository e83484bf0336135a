"""Many hand-ins through a pool: each score is in the store before the next thing happens.

    for event in run(plan, conditions, store, halt):
        ...

A batch that is killed has lost only what was running; the store says what is left to do (planning.py).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, Protocol

import msgspec

from grader import submission as submissions
from grader.challenge import Challenge, Limits
from grader.errors import GraderError, GradingStopped, HandInError, UsageError
from grader.grading import Attempt, unread
from grader.planning import HandIn, Job, Plan, Terms
from grader.pool import Pool
from grader.signatures import signed
from grader.submission import Submission
from grader.supervising import Follower
from grader.walls import Wall
from leaderboard.errors import LeaderboardError
from leaderboard.score import Score, decode, score_id
from leaderboard.store import Store

# So many hand-ins are in memory for each slot: one that is graded and one that waits.
AHEAD: Final = 2
ASKED_EVERY_S: Final = 0.2

Way = Literal["graded", "shared", "lent", "unread"]


class Conditions(msgspec.Struct, frozen=True):
    """How a batch is graded. `began` is the time of hand-ins that have no other."""

    slots: int
    device: str
    seed: str | None
    limits: dict[str, Limits]
    wall: Wall
    began: datetime

    @property
    def terms(self) -> Terms:
        """What a score from elsewhere must agree with."""
        device = self.device.partition(":")[0]
        return Terms(device, self.seed, self.wall.level, self.limits)

    def attempt(self, hand_in: HandIn) -> Attempt:
        """Return the attempt of a hand-in."""
        challenge = hand_in.entry.challenge
        moment = hand_in.submitted_at or self.began
        limits = self.limits[challenge.id]
        return Attempt(challenge, hand_in.entry.team, self.device, self.seed, limits, moment)


class Recorded(msgspec.Struct, frozen=True):
    """A hand-in has its score in the store: graded itself, or with a score of the same bytes."""

    hand_in: HandIn
    score: Score
    way: Way


class Faulted(msgspec.Struct, frozen=True):
    """Hand-ins that have no score, by no fault of theirs."""

    job: Job
    message: str


Event = Recorded | Faulted


def cores() -> int:
    """Return how many processor cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def slots(wanted: int | None, challenges: list[Challenge], available: int) -> int:
    """Return the number of slots; None for as many as keep every challenge's threads.

    More slots than cores are refused: right hand-ins would run into time limits.
    """
    if wanted is None:
        return max(1, available // max((one.limits.threads for one in challenges), default=1))
    if wanted > available:
        raise UsageError(
            f"-j {wanted} is more than the {available} cores that there are; hand-ins would take each "
            "other's time. `-j auto` takes as many as fit."
        )
    return wanted


def threads(limits: Limits, count: int, available: int) -> Limits:
    """Return the limits with the threads that a slot of so many may have."""
    fair = max(1, min(limits.threads, available // count))
    return msgspec.structs.replace(limits, threads=fair)


def lender(terms: Terms, challenge: Challenge, files: list[str]) -> str | None:
    """Return the first of the files whose score was made under these terms."""
    for file in files:
        score = _decoded(file)
        if score is not None and score.challenge.id == challenge.id and terms.hold(score):
            return file
    return None


class Slots(Protocol):
    """What a batch needs of a pool."""

    def submit(
        self, submission: Submission, attempt: Attempt, follower: Follower | None = None
    ) -> Future[Score]:
        """Queue a hand-in; its score comes later."""
        ...

    def close(self) -> None:
        """End all processes."""
        ...


def run(
    plan: Plan,
    conditions: Conditions,
    store: Store,
    halt: threading.Event,
    make: Callable[[int, Wall], Slots] = Pool,
) -> Iterator[Event]:
    """Grade what is planned, record every score, and yield what happened.

    Once `halt` is set, gradings are stopped without a score and the iterator ends. Raises
    StoreWriteError, after which nothing more is graded.
    """
    for job in plan.jobs:
        if not halt.is_set() and not job.is_graded:
            yield from _without_grading(job, conditions, store)
    graded = [job for job in plan.jobs if job.is_graded]
    if graded and not halt.is_set():
        pool = make(conditions.slots, conditions.wall)
        yield from _Run(conditions, store, halt, pool).all(graded)


class _Halted(Follower):
    """Stops gradings when the batch is halted."""

    def __init__(self, halt: threading.Event) -> None:
        self._halt = halt

    def stopped(self) -> bool:
        """Whether the batch is halted."""
        return self._halt.is_set()


class _Run:
    """The jobs that are in the pool."""

    def __init__(
        self, conditions: Conditions, store: Store, halt: threading.Event, pool: Slots
    ) -> None:
        self._conditions = conditions
        self._store = store
        self._halt = halt
        self._pool = pool
        self._running: dict[Future[Score], Job] = {}

    def all(self, jobs: list[Job]) -> Iterator[Event]:
        """Grade the jobs in their order, a few at a time."""
        try:
            for job in jobs:
                while len(self._running) >= AHEAD * self._conditions.slots:
                    yield from self._ended()
                if self._halt.is_set():
                    break
                yield from self._begin(job)
            while self._running:
                yield from self._ended()
        finally:
            self._halt.set()
            self._pool.close()

    def _begin(self, job: Job) -> Iterator[Event]:
        submission = _read_again(job)
        if submission is None:
            yield Faulted(job, "It has changed since the batch began. Run again with --resume.")
            return
        attempt = self._conditions.attempt(job.hand_ins[0])
        future = self._pool.submit(submission, attempt, _Halted(self._halt))
        self._running[future] = job

    def _ended(self) -> Iterator[Event]:
        """Wait for a moment, and record what has ended."""
        ended, _ = wait(self._running, ASKED_EVERY_S, FIRST_COMPLETED)
        if self._halt.is_set():
            for future in self._running:
                future.cancel()
        for future in ended:
            job = self._running.pop(future)
            try:
                score = future.result()
            except (CancelledError, GradingStopped):
                continue
            except (GraderError, OSError) as error:
                yield Faulted(job, str(error))
                continue
            if score.status == "grader_fault":
                yield Faulted(job, score.message)
            else:
                yield from _record(job, score, "graded", self._conditions, self._store)


def _without_grading(job: Job, conditions: Conditions, store: Store) -> Iterator[Event]:
    if job.lent is not None:
        score = _decoded(job.lent)
        if score is None:
            yield Faulted(job, f"{job.lent} cannot be read any more. Run again with --resume.")
        else:
            yield from _record(job, score, "lent", conditions, store)
        return
    for hand_in in job.hand_ins:
        attempt = conditions.attempt(hand_in)
        score = unread(hand_in.entry.path, attempt, HandInError(hand_in.problem))
        store.add(score)
        yield Recorded(hand_in, score, "unread")


def _record(
    job: Job, score: Score, way: Way, conditions: Conditions, store: Store
) -> Iterator[Event]:
    """Record the score for every hand-in of these bytes, each under its own team, name and time."""
    for hand_in in job.hand_ins:
        attempt = conditions.attempt(hand_in)
        own = msgspec.structs.replace(
            score,
            id=score_id(score.challenge.id, attempt.submitted_at, hand_in.sha256),
            team=attempt.team,
            submission=msgspec.structs.replace(score.submission, name=hand_in.name),
            submitted_at=attempt.submitted_at,
        )
        # Of another team or time, so under a signature of its own.
        own = signed(own)
        store.add(own)
        yield Recorded(hand_in, own, way)
        way = "shared" if way == "graded" else way


def _read_again(job: Job) -> Submission | None:
    """Read the hand-in of a job from the first place where it is still what it was."""
    for hand_in in job.hand_ins:
        try:
            submission = submissions.read(hand_in.entry.path, job.challenge.file_name)
        except HandInError:
            continue
        if submission.sha256 == job.sha256:
            return nameless(submission, job.challenge)
    return None


def nameless(submission: Submission, challenge: Challenge) -> Submission:
    """Return a single file under the stub's name: messages go to teams that have called it otherwise."""
    if len(submission.files) > 1:
        return submission
    (data,) = submission.files.values()
    return msgspec.structs.replace(submission, files={challenge.file_name: data})


def _decoded(file: str) -> Score | None:
    try:
        return decode(Path(file).read_bytes())
    except (OSError, LeaderboardError):
        return None
