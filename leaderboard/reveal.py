"""What an event lets people see of a score before it is over, and what has moved when all is shown.

A record always holds everything. An event with ``private = true`` shows the public part of it, until
somebody asks for the final standings:

- public: the points of public specs alone, out of what these are worth. The advice stays away where
  only private specs failed, because it would tell of them.
- final: all points, and the metric as the private specs measured it, where they did.
"""

from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec

from leaderboard.attempts import Attempt
from leaderboard.event import Event
from leaderboard.overall import OverallRow
from leaderboard.ranking import Row
from leaderboard.score import WHILE_TESTING, Score

AnyRow = TypeVar("AnyRow", Row, OverallRow)


def seen_attempts(
    attempts: Iterable[Attempt], event: Event, revealed: bool = False
) -> list[Attempt]:
    """Judged attempts with their scores as the event shows them."""
    return [Attempt(seen_score(one.score, event, revealed), one.verdict) for one in attempts]


def seen_score(score: Score, event: Event, revealed: bool = False) -> Score:
    """A score as the event shows it."""
    if not event.private:
        return score
    return final(score) if revealed else public(score)


def public(score: Score) -> Score:
    """A score without anything that its private specs said."""
    if not any(spec.private for spec in score.specs):
        return msgspec.structs.replace(score, private_metric=None)
    specs = tuple(spec for spec in score.specs if not spec.private)
    earned, most = sum(spec.earned for spec in specs), sum(spec.points for spec in specs)
    failed = any(spec.outcome == "failed" for spec in specs)
    return msgspec.structs.replace(
        score,
        message=_without_titles(score),
        score=earned,
        max_score=most,
        passed=score.status == "graded" and (score.passed or earned == most),
        specs=specs,
        advice=score.advice if failed else "",
        private_metric=None,
        signature=None,
    )


def _without_titles(score: Score) -> str:
    message = score.message
    for spec in score.specs:
        if spec.private:
            message = message.replace(WHILE_TESTING.format(spec.title), "")
    return message


def final(score: Score) -> Score:
    """A score with the metric that counts in the end."""
    return msgspec.structs.replace(score, metric=score.private_metric or score.metric)


def with_moves(rows: Sequence[AnyRow], before: Sequence[AnyRow]) -> list[AnyRow]:
    """The rows, each with the ranks that it went up from where it stood before; down is negative."""
    ranks = {row.team: row.rank for row in before}

    def moved(row: AnyRow) -> int | None:
        old = ranks.get(row.team)
        return None if old is None or row.rank is None else old - row.rank

    return [msgspec.structs.replace(row, moved=moved(row)) for row in rows]
