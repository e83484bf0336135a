"""What a batch has to grade: hand-ins by their hashes, compared with the scores that there are already.

Nothing here grades or writes. A plan holds paths and hashes, never the contents of a hand-in.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final, Literal

import msgspec

from grader import submission as submissions
from grader.challenge import Challenge, Limits
from grader.entries import Entry, Skipped
from grader.errors import HandInError, UsageError
from grader.submission import EMPTY_SHA256
from leaderboard.score import LimitsInfo, Score, Status, Walls
from leaderboard.store import StoredScore

Mode = Literal["new", "resume", "regrade"]
DRAWN_SEED: Final = 16
"""Digits of a seed that was drawn; see grading.new_seed."""


class HandIn(msgspec.Struct, frozen=True):
    """An entry that was read once. `problem`: why it cannot be graded, empty if it can.

    `submitted_at` is None where neither a manifest nor an earlier score says when it was handed in.
    """

    entry: Entry
    name: str
    sha256: str
    problem: str = ""
    submitted_at: datetime | None = None

    @property
    def key(self) -> Key:
        """What a score must agree with to be that of this hand-in."""
        return _key(self.entry.team, self.entry.challenge.id, self.sha256, self.name)


Key = tuple[str, str, str, str]


def _key(team: str, challenge: str, sha256: str, name: str) -> Key:
    # All that could not be read have the same hash.
    return team, challenge, sha256, name if sha256 == EMPTY_SHA256 else ""


class Known(msgspec.Struct, frozen=True):
    """What a plan keeps of a score in the store."""

    file: str
    specs_sha256: str
    submitted_at: datetime
    graded_at: datetime
    status: Status
    passed: bool
    score: int
    seconds: float


class Terms(msgspec.Struct, frozen=True):
    """What decides a score besides the hand-in. `device` is a type; `seed` None for drawn ones."""

    device: str
    seed: str | None
    walls: Walls
    limits: Mapping[str, Limits]
    """By the id of the challenge."""

    def hold(self, score: Score) -> bool:
        """Whether a score was made under these terms."""
        drawn = self.seed is None and len(score.seed) == DRAWN_SEED
        limits = self.limits[score.challenge.id]
        return (
            (drawn or score.seed == self.seed)
            and score.device.type == self.device
            and score.walls == self.walls
            and score.limits == LimitsInfo(**msgspec.to_builtins(limits))
        )


class Records:
    """The scores of some hand-ins, found again by hand-in."""

    def __init__(self, hand_ins: Iterable[HandIn], stored: Iterable[StoredScore]) -> None:
        wanted = {(one.entry.challenge.id, one.sha256) for one in hand_ins}
        self._of: dict[Key, list[Known]] = defaultdict(list)
        self._files: dict[tuple[str, str], list[tuple[datetime, str]]] = defaultdict(list)
        for file, score in ((str(one.path), one.score) for one in stored):
            sha256 = score.submission.sha256
            if (score.challenge.id, sha256) in wanted and score.status != "grader_fault":
                key = _key(score.team, score.challenge.id, sha256, score.submission.name)
                self._of[key].append(_known(file, score))
                specs = score.challenge.specs_sha256
                self._files[specs, sha256].append((score.graded_at, file))

    def of(self, hand_in: HandIn) -> list[Known]:
        """Return its scores, under whatever specs."""
        moment = hand_in.entry.submitted_at
        return [k for k in self._of.get(hand_in.key, ()) if moment in (None, k.submitted_at)]

    def done(self, hand_in: HandIn, specs_sha256: str) -> Known | None:
        """Return its latest score under these specs."""
        found = [known for known in self.of(hand_in) if known.specs_sha256 == specs_sha256]
        return max(found, key=lambda known: (known.graded_at, known.file), default=None)

    def files(self, specs_sha256: str, sha256: str) -> list[str]:
        """Return the files with scores of these bytes under these specs, of any team, latest first."""
        found = self._files.get((specs_sha256, sha256), ()) if sha256 != EMPTY_SHA256 else ()
        return [file for _, file in sorted(found, reverse=True)]


def _known(file: str, score: Score) -> Known:
    return Known(
        file,
        score.challenge.specs_sha256,
        score.submitted_at,
        score.graded_at,
        score.status,
        score.passed,
        score.score,
        score.usage.wall_s,
    )


class Job(msgspec.Struct, frozen=True):
    """Hand-ins of the same bytes for the same challenge: graded once, recorded for each.

    `lent` is the file of a score of these bytes that was made under the same terms, if there is one.
    """

    challenge: Challenge
    sha256: str
    hand_ins: tuple[HandIn, ...]
    lent: str | None = None

    @property
    def is_graded(self) -> bool:
        """Whether it takes a slot: it was read, and nobody lends a score."""
        return self.lent is None and not self.hand_ins[0].problem


class Plan(msgspec.Struct, frozen=True):
    """What is to be done, in order; what is done already; what will not be done, and why."""

    jobs: tuple[Job, ...]
    done: tuple[tuple[HandIn, Known], ...]
    skipped: tuple[Skipped, ...]

    @property
    def hand_ins(self) -> int:
        """How many hand-ins are to get a score or have one."""
        return len(self.done) + sum(len(job.hand_ins) for job in self.jobs)

    @property
    def challenges(self) -> list[Challenge]:
        """The challenges of the jobs that take a slot."""
        return list(
            {job.challenge.id: job.challenge for job in self.jobs if job.is_graded}.values()
        )


def read(entry: Entry) -> HandIn:
    """Read an entry, hash it and forget it."""
    try:
        submission = submissions.read(entry.path, entry.challenge.file_name)
    except HandInError as error:
        # Where an archive was unpacked is nobody's business.
        problem = str(error).replace(entry.path, entry.shown)
        name = submissions.unreadable(entry.path).name
        return HandIn(entry, name, EMPTY_SHA256, problem, entry.submitted_at)
    return HandIn(entry, submission.name, submission.sha256, "", entry.submitted_at)


def plan(
    hand_ins: Iterable[HandIn],
    skipped: Iterable[Skipped],
    records: Records,
    mode: Mode,
    lend: Callable[[Challenge, list[str]], str | None] = lambda challenge, files: None,
) -> Plan:
    """Return what is to be done; the order in which the hand-ins come makes no difference.

    `lend` chooses among the files of scores of the same bytes. Raises UsageError where there are scores
    already and nobody said what to do about them.
    """
    ours, twice = _without_repetitions(hand_ins)
    scored = [one for one in ours if records.of(one)]
    if mode == "new" and scored:
        raise UsageError(
            f"{len(scored)} of {len(ours)} hand-ins have a score already. --resume grades those that "
            "have none under the present specs; --regrade grades all of them again."
        )
    specs = {one.entry.challenge.id: one.entry.challenge.specs_sha256() for one in ours}
    done: list[tuple[HandIn, Known]] = []
    groups: dict[tuple[str, str, str], list[HandIn]] = defaultdict(list)
    for one in ours:
        known = records.done(one, specs[one.entry.challenge.id]) if mode == "resume" else None
        if known is not None:
            done.append((one, known))
        else:
            unread = one.entry.shown if one.problem else ""
            groups[one.entry.challenge.id, one.sha256, unread].append(_dated(one, records))
    jobs = []
    for (key, sha256, _), group in groups.items():
        challenge = group[0].entry.challenge
        files = records.files(specs[key], sha256) if mode == "resume" else []
        jobs.append(Job(challenge, sha256, tuple(group), lend(challenge, files)))
    return Plan(tuple(jobs), tuple(done), (*skipped, *twice))


def _dated(hand_in: HandIn, records: Records) -> HandIn:
    """A hand-in that is graded again keeps its time: who was first does not change with the specs."""
    known = records.of(hand_in) if hand_in.sha256 != EMPTY_SHA256 else []
    if hand_in.submitted_at is not None or not known:
        return hand_in
    first = min(one.submitted_at for one in known)
    return msgspec.structs.replace(hand_in, submitted_at=first)


def _without_repetitions(hand_ins: Iterable[HandIn]) -> tuple[list[HandIn], list[Skipped]]:
    """Return the hand-ins in order, by challenge and team, each once: of one that has a time in one
    source and none in another, the one with the time counts."""
    seen: dict[Key, dict[datetime | None, HandIn]] = defaultdict(dict)
    kept: list[HandIn] = []
    twice: list[Skipped] = []
    for one in sorted(hand_ins, key=_order):
        others, moment = seen[one.key], one.entry.submitted_at
        first = others.get(moment) if moment or not others else next(iter(others.values()))
        if first is None:
            others[moment] = one
            kept.append(one)
        else:
            twice.append(Skipped(one.entry.shown, f"the same as {first.entry.shown}"))
    return sorted(kept, key=_place), twice


def _order(hand_in: HandIn) -> tuple[object, ...]:
    return hand_in.entry.submitted_at is None, *_place(hand_in)


def _place(hand_in: HandIn) -> tuple[object, ...]:
    entry = hand_in.entry
    moment = entry.submitted_at.timestamp() if entry.submitted_at else 0.0
    return entry.challenge.key, entry.team, entry.shown, hand_in.sha256, moment, entry.path
