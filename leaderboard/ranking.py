"""Standings: a pure function of the scores, and of the rules of an event if there is one.

- Only `graded` scores rank, and only with finite numbers: one whose metric was measured and came
  out infinite or NaN does not. A score without a metric ranks after those with one, points equal.
- A hand-in that was graded again (same team, same id) is one attempt, and its latest grade
  counts; a grade that failed by our fault never replaces one that stands.
- Best attempt per team: points, then the metric rounded to its precision, then earliest. With
  `count = "last"` it is the latest that can rank, so that a crash takes no points away.
- Ranks are competition style, 1, 1, 3, or dense, 1, 1, 2. Teams equal in all of these share a
  rank and stand in the order of their names.
- A team that has handed in but has nothing to rank stands at the end, without a rank, with the
  status of its latest attempt: it can see that its hand-in arrived. A team for which only the
  grader failed has made no attempt and is not shown.
- Teams that are not on the roster of an event come last, best first, without a rank: they take
  nobody's place.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import groupby
from typing import Any, Literal, TypeVar

from msgspec import Struct

from leaderboard.attempts import Attempt, Verdict, judge_attempts
from leaderboard.event import NO_EVENT, Event
from leaderboard.score import Metric, Score, Status


class Row(Struct, frozen=True, kw_only=True):
    """One team's line; without a rank, it describes the team's latest attempt."""

    challenge: str
    rank: int | None
    team: str
    listed: bool
    """Whether the team is on the event's roster, or there is none."""
    score: int
    max_score: int
    passed: bool
    status: Status
    verdict: Verdict
    metric: Metric | None
    attempts: int
    """Those that count."""
    not_counted: int
    submitted_at: datetime
    score_id: str
    moved: int | None = None
    """Ranks gained when all was revealed; see leaderboard.reveal."""


T = TypeVar("T")
MetricKey = tuple[bool, float]
Key = tuple[int, MetricKey, datetime]


def standings(scores: Iterable[Score], challenge_id: str, event: Event = NO_EVENT) -> list[Row]:
    """The rows of one challenge, best first, teams without a rank last."""
    chosen = (score for score in scores if score.challenge.id == challenge_id)
    return rank_attempts(judge_attempts(chosen, event), event)


def rank_attempts(attempts: Iterable[Attempt], event: Event = NO_EVENT) -> list[Row]:
    """As `standings`, of judged attempts at one challenge."""
    teams = attempts_by_team(attempts)
    stands = {team: standing(ones, event) for team, ones in teams.items()}

    def row(rank: int | None, score: Score, verdict: Verdict = "counts") -> Row:
        return _row(rank, score, verdict, teams[score.team], event)

    ranked = sorted(filter(None, stands.values()), key=lambda score: (_key(score), score.team))
    listed = [score for score in ranked if event.lists(score.team)]
    guests = [score for score in ranked if not event.lists(score.team)]
    latest = [_latest(ones) for team, ones in sorted(teams.items()) if stands[team] is None]
    unranked = [row(None, one.score, one.verdict) for one in latest]
    return [
        *(row(rank, score) for rank, score in place(listed, _key, event.ranks)),
        *(one for one in unranked if one.listed),
        *(row(None, score) for score in guests),
        *(one for one in unranked if not one.listed),
    ]


def place(
    ordered: Iterable[T], key: Callable[[T], Any], ranks: Literal["competition", "dense"]
) -> list[tuple[int, T]]:
    """Ranks for what is in order already: equal keys share one."""
    placed: list[tuple[int, T]] = []
    for number, (_, equals) in enumerate(groupby(ordered, key=key), 1):
        rank = number if ranks == "dense" else len(placed) + 1
        placed += [(rank, one) for one in equals]
    return placed


def standing(attempts: Iterable[Attempt], event: Event = NO_EVENT) -> Score | None:
    """The attempt of a team at one challenge that its place rests on; None if none ranks."""
    counted = [one.score for one in attempts if one.verdict == "counts"]
    if event.count == "best":
        return best_attempt(counted)
    return max(filter(_ranks, counted), key=lambda one: (one.submitted_at, one.id), default=None)


def best_attempt(scores: Iterable[Score]) -> Score | None:
    """The best of some scores of one challenge; None if none of them ranks."""
    # The id decides between equals, so that the order of the files never does.
    return min(filter(_ranks, scores), key=lambda score: (_key(score), score.id), default=None)


def challenge_ids(scores: Iterable[Score]) -> list[str]:
    """The challenges that have scores, in order."""
    return sorted({score.challenge.id for score in scores})


def attempts_by_team(attempts: Iterable[Attempt]) -> dict[str, list[Attempt]]:
    """Each team's attempts, without those that we failed to grade."""
    teams: dict[str, list[Attempt]] = defaultdict(list)
    for one in attempts:
        if one.verdict != "our fault":
            teams[one.score.team].append(one)
    return teams


def metric_key(score: Score | None) -> MetricKey:
    """Sorts the better metric first, and none last."""
    metric = score.metric if score else None
    if metric is None or metric.value is None:
        return (True, 0.0)
    value = round(metric.value, metric.precision)
    return (False, value if metric.order == "lower" else -value)


def _latest(attempts: list[Attempt]) -> Attempt:
    """The latest of those that count, or of all if none does."""
    counted = [one for one in attempts if one.verdict == "counts"]
    return max(counted or attempts, key=lambda one: (one.score.submitted_at, one.score.id))


def _ranks(score: Score) -> bool:
    measured = score.metric is None or score.metric.value is not None
    return score.status == "graded" and measured


def _key(score: Score) -> Key:
    """Sorts the better score first."""
    return (-score.score, metric_key(score), score.submitted_at)


def _row(
    rank: int | None, score: Score, verdict: Verdict, attempts: list[Attempt], event: Event
) -> Row:
    counted = sum(one.verdict == "counts" for one in attempts)
    return Row(
        challenge=score.challenge.id,
        rank=rank,
        team=score.team,
        listed=event.lists(score.team),
        score=score.score,
        max_score=score.max_score,
        passed=score.passed,
        status=score.status,
        verdict=verdict,
        metric=score.metric,
        attempts=counted,
        not_counted=len(attempts) - counted,
        submitted_at=score.submitted_at,
        score_id=score.id,
    )
