"""What came of a batch: counted for each challenge, as a table and as JSON."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, get_args

from grader import errors
from grader.challenge import Challenge
from grader.entries import Skipped
from grader.planning import HandIn, Plan
from leaderboard.errors import UnknownFormatError
from leaderboard.formats import FORMATS, grid
from leaderboard.score import Status
from leaderboard.text import printable, printable_json

UNGRADABLE: Final = tuple(
    status for status in get_args(Status) if status not in ("graded", "grader_fault")
)
SHOWN: Final = 20
TEXTS: Final = ("challenge", "title")


class Tally:
    """The hand-ins of one challenge."""

    def __init__(self, challenge: Challenge) -> None:
        self.challenge = challenge
        self.hand_ins = 0
        self.outcomes: Counter[str] = Counter()
        self.scores: list[int] = []
        self.seconds: dict[str, float] = {}
        self.distinct: set[str] = set()

    def add(self, sha256: str, status: Status, passed: bool, score: int, seconds: float) -> None:
        """Count a hand-in that has a score."""
        graded = "passed" if passed else "not_passed"
        self.outcomes[graded if status == "graded" else status] += 1
        self.scores.append(score)
        self.seconds.setdefault(sha256, seconds)

    @property
    def unscored(self) -> int:
        """How many have no score: by our fault, or because the batch was stopped."""
        return self.hand_ins - len(self.scores)

    def as_dict(self) -> dict[str, Any]:
        """Return the numbers."""
        counted = ("passed", "not_passed", *UNGRADABLE)
        return {
            "challenge": self.challenge.id,
            "title": self.challenge.title,
            "hand_ins": self.hand_ins,
            "distinct": len(self.distinct),
            **{outcome: self.outcomes[outcome] for outcome in counted},
            "no_score": self.unscored,
            "median_score": statistics.median(self.scores) if self.scores else None,
            "seconds": round(sum(self.seconds.values()), 1),
        }


class Summary:
    """The hand-ins of a batch, those with a score from an earlier one included."""

    def __init__(self, plan: Plan) -> None:
        self.faults: list[tuple[str, str]] = []
        self.skipped: Sequence[Skipped] = plan.skipped
        self.recorded = 0
        self.already = len(plan.done)
        self.total = plan.hand_ins
        self._tallies: dict[str, Tally] = {}
        for one in [one for job in plan.jobs for one in job.hand_ins] + [
            one for one, _ in plan.done
        ]:
            tally = self._of(one)
            tally.hand_ins += 1
            tally.distinct.add(one.sha256)
        for one, known in plan.done:
            numbers = known.status, known.passed, known.score, known.seconds
            self._of(one).add(one.sha256, *numbers)

    def add(
        self, hand_in: HandIn, status: Status, passed: bool, score: int, seconds: float
    ) -> None:
        """Count a score that was recorded now."""
        self.recorded += 1
        self._of(hand_in).add(hand_in.sha256, status, passed, score, seconds)

    def add_fault(self, hand_in: HandIn, message: str) -> None:
        """Note a hand-in without a score, by our fault."""
        self.faults.append((hand_in.entry.shown, message))

    def count(self, outcome: str) -> int:
        """Return how many hand-ins ended like this: passed, not_passed, or a status."""
        return sum(tally.outcomes[outcome] for tally in self._tallies.values())

    @property
    def exit_code(self) -> int:
        """The worst that happened, as for a single grading."""
        if self.faults:
            return errors.EXIT_FAULT
        if any(self.count(status) for status in UNGRADABLE):
            return errors.EXIT_UNGRADABLE
        return errors.EXIT_NOT_PASSED if self.count("not_passed") else errors.EXIT_PASSED

    def table(self, fmt: str) -> str:
        """Return a row for each challenge, in a format of tabulate or as csv or json."""
        rows = [tally.as_dict() for _, tally in sorted(self._tallies.items())]
        return table(rows, fmt, optional=(*UNGRADABLE, "no_score"))

    def as_json(self) -> str:
        """Return everything as one JSON document."""
        document = {
            "challenges": [tally.as_dict() for _, tally in sorted(self._tallies.items())],
            "hand_ins": self.total,
            "recorded": self.recorded,
            "already": self.already,
            "faults": [{"hand_in": shown, "message": said} for shown, said in self.faults],
            "skipped": [{"path": one.shown, "reason": one.reason} for one in self.skipped],
            "exit_code": self.exit_code,
        }
        return printable_json(json.dumps(document, indent=2, ensure_ascii=False))

    def problems(self) -> list[str]:
        """Return a line for each hand-in that has no score by our fault."""
        return _shortened([f"no score: {shown}: {message}" for shown, message in self.faults])

    def _of(self, hand_in: HandIn) -> Tally:
        challenge = hand_in.entry.challenge
        return self._tallies.setdefault(challenge.id, Tally(challenge))


def planned(plan: Plan) -> list[dict[str, Any]]:
    """Return what a plan would do, a row for each challenge."""
    rows: dict[str, dict[str, Any]] = {}
    names = ("hand_ins", "already", "unreadable", "lent", "to_record", "to_grade")

    def count(challenge: Challenge, **numbers: int) -> None:
        row: dict[str, Any] = {
            "challenge": challenge.id,
            "title": challenge.title,
            **dict.fromkeys(names, 0),
        }
        row = rows.setdefault(challenge.id, row)
        for name, number in numbers.items():
            row[name] += number

    for one, _ in plan.done:
        count(one.entry.challenge, hand_ins=1, already=1)
    for job in plan.jobs:
        size = len(job.hand_ins)
        count(
            job.challenge,
            hand_ins=size,
            unreadable=size if job.hand_ins[0].problem else 0,
            lent=size if job.lent else 0,
            to_record=size,
            to_grade=int(job.is_graded),
        )
    return [row for _, row in sorted(rows.items())]


def table(rows: Sequence[dict[str, Any]], fmt: str, optional: Sequence[str] = ()) -> str:
    """Return rows of numbers as text; columns of `optional` only where one is not zero."""
    check_format(fmt)
    if fmt == "json":
        return json.dumps(rows, indent=2, ensure_ascii=False)
    hidden = {name for name in optional if not any(row[name] for row in rows)}
    names = [name for name in (rows[0] if rows else ()) if name not in hidden]
    if fmt == "csv":
        return "\n".join(",".join(map(str, line)) for line in [names, *_cells(rows, names)])
    headers = [name.replace("_", " ").replace("hand ins", "hand-ins") for name in names]
    columns = [
        (heading, "left" if name in TEXTS else "right")
        for name, heading in zip(names, headers, strict=True)
    ]
    return grid(columns, _cells(rows, names), fmt)


def check_format(fmt: str) -> None:
    """Raise UnknownFormatError unless there is such a format."""
    if fmt not in FORMATS:
        raise UnknownFormatError(
            f"There is no table format {fmt!r}. `grader leaderboard --help` and tabulate name them."
        )


def skipped_lines(skipped: Sequence[Skipped]) -> list[str]:
    """Return a line for each thing that is not graded, and why."""
    return _shortened([f"skipped {one.shown}: {one.reason}" for one in skipped])


def _cells(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> list[list[str]]:
    return [[_cell(row[name]) for name in names] for row in rows]


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}" if value < 1000 else f"{value:.0f}"
    return "" if value is None else str(value)


def _shortened(lines: list[str]) -> list[str]:
    more = [f"… and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return [printable(line) for line in lines[:SHOWN]] + more
