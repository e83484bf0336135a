"""The hand-ins of a pull request through judge and worker, one after the other."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Final, Protocol

import msgspec

from grader import batch, submission
from grader.challenge import Challenge, Limits
from grader.ci.finding import Found, Rejected
from grader.ci.layout import shown
from grader.ci.policy import Policy
from grader.errors import HandInError, ObjectTooLargeError, UsageError
from grader.grading import Attempt, grade_submission, new_seed, unread
from grader.pool import Pool
from grader.submission import MAX_BYTES, Submission
from grader.walls import Wall
from leaderboard.score import Score

# So many bytes of hand-ins in one pull request; that of a single one is the grader's own limit.
MAX_TOTAL: Final = 8 << 20
NOT_A_FILE: Final = {
    "link": "is a symbolic link. Hand in the file itself.",
    "submodule": "is a submodule. Hand in a Python file.",
    "none": "is no regular file. Hand in a Python file.",
}


class Blobs(Protocol):
    """Where the contents of files come from, by their ids."""

    def read(self, blob: str, limit: int) -> bytes:
        """Return a content of at most `limit` bytes."""
        ...


class Conditions(msgspec.Struct, frozen=True):
    """How hand-ins are graded; `moment` is when they were handed in, by our clock."""

    policy: Policy
    device: str
    seed: str | None
    wall: Wall
    moment: datetime
    limits: Callable[[Challenge], Limits]


class Graded(msgspec.Struct, frozen=True):
    """A hand-in with its score, and that of the base's version if it was asked for."""

    found: Found
    score: Score
    baseline: Score | None
    met: bool
    lines: int
    """How long the hand-in is, for whoever points at a line of it."""


def seen(one: Graded, view: Callable[[Score], Score], policy: Policy) -> Graded:
    """Return what an event lets people see of it; what it keeps back does not decide either."""
    score = view(one.score)
    baseline = one.baseline and view(one.baseline)
    return msgspec.structs.replace(
        one, score=score, baseline=baseline, met=policy.met(score, baseline)
    )


class AbsentError(UsageError):
    """A content is not to be had, by no fault of who has handed it in."""


Grade = Callable[[Submission, Attempt], Score]


def grade_all(
    hand_ins: Sequence[Found], blobs: Blobs, conditions: Conditions
) -> Iterator[Graded | Rejected]:
    """Grade the hand-ins in their order; what has no content here is rejected without a score."""
    with ExitStack() as stack:
        if len(hand_ins) > 1 or conditions.policy.compares:
            pool = stack.enter_context(Pool(1, conditions.wall))
            run: Grade = lambda one, attempt: pool.submit(one, attempt).result()  # noqa: E731
        else:
            run = functools.partial(grade_submission, wall=conditions.wall)
        grader = _Grader(blobs, conditions, run)
        left = MAX_TOTAL
        for found in hand_ins:
            try:
                graded, size = grader.grade(found, left)
            except AbsentError as error:
                yield Rejected(found.path, str(error))
            else:
                left -= size
                yield graded


class _Grader(msgspec.Struct, frozen=True):
    blobs: Blobs
    conditions: Conditions
    run: Grade

    def grade(self, found: Found, left: int) -> tuple[Graded, int]:
        """Grade one hand-in of at most `left` bytes; returns it with its size."""
        attempt = self._attempt(found)
        baseline = None
        try:
            handed_in = self._read(found, left)
        except HandInError as error:
            score, size, lines = unread(found.challenge.file_name, attempt, error), 0, 0
        else:
            score = self.run(handed_in, attempt)
            size, lines = handed_in.size, _lines(handed_in)
            if self.conditions.policy.compares and found.old_blob is not None:
                baseline = self._baseline(found, found.old_blob, attempt)
        met = self.conditions.policy.met(score, baseline)
        return Graded(found, score, baseline, met, lines), size

    def _attempt(self, found: Found) -> Attempt:
        given = self.conditions
        limits = batch.threads(given.limits(found.challenge), 1, batch.cores())
        seed = given.seed or new_seed()
        return Attempt(found.challenge, found.team, given.device, seed, limits, given.moment)

    def _read(self, found: Found, left: int) -> Submission:
        name = found.challenge.file_name
        if found.kind != "file":
            raise HandInError(f"{name} {NOT_A_FILE[found.kind]}")
        try:
            data = self.blobs.read(found.blob, MAX_BYTES)
        except ObjectTooLargeError:
            raise HandInError(
                f"{name} is larger than {MAX_BYTES >> 20} MiB. Hand in source code without data."
            ) from None
        if len(data) > left:
            raise HandInError(
                f"{name} is one too many: all hand-ins of a pull request have {MAX_TOTAL >> 20} MiB "
                "at most."
            )
        return submission.of_bytes(name, data)

    def _baseline(self, found: Found, blob: str, attempt: Attempt) -> Score:
        """Grade what the base holds, under the same seed."""
        name = found.challenge.file_name
        try:
            before = submission.of_bytes(name, self.blobs.read(blob, MAX_BYTES))
        except (HandInError, ObjectTooLargeError) as error:
            return unread(name, attempt, HandInError(f"{shown(found.path)}: {error}"))
        return self.run(before, attempt)


def _lines(handed_in: Submission) -> int:
    return next(iter(handed_in.files.values())).count(b"\n") + 1
