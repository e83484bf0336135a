"""Standings: a pure function of the scores.

- Only `graded` scores rank, and only with finite numbers: one whose metric was measured and came
  out infinite or NaN does not. A score without a metric ranks after those with one, points equal.
- A hand-in that was graded again (same team, same id) is one attempt, and its latest grade
  counts; a grade that failed by our fault never replaces one that stands.
- Best attempt per team: points, then the metric rounded to its precision, then earliest.
- Ranks are competition style: 1, 1, 3. Teams equal in all of these share a rank and stand in the
  order of their names.
- A team that has handed in but has nothing to rank stands at the end, without a rank, with the
  status of its latest attempt: it can see that its hand-in arrived. A team for which only the
  grader failed has made no attempt and is not shown.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from itertools import groupby

from msgspec import Struct

from leaderboard.score import Metric, Score, Status, encode


class Row(Struct, frozen=True, kw_only=True):
    """One team's line; without a rank, it describes the team's latest attempt."""

    rank: int | None
    team: str
    score: int
    max_score: int
    passed: bool
    status: Status
    metric: Metric | None
    attempts: int
    submitted_at: datetime
    score_id: str


Key = tuple[int, bool, float, datetime]


def standings(scores: Iterable[Score], challenge_id: str) -> list[Row]:
    """The rows of one challenge, best first, teams without a rank last."""
    teams = _attempts_by_team(score for score in scores if score.challenge.id == challenge_id)
    best = {team: best_attempt(attempts) for team, attempts in teams.items()}
    ranked = sorted(
        (score for score in best.values() if score), key=lambda score: (_key(score), score.team)
    )
    rows: list[Row] = []
    for _, equals in groupby(ranked, key=_key):
        rank = len(rows) + 1
        rows += [_row(rank, score, len(teams[score.team])) for score in equals]
    unranked = sorted(team for team, score in best.items() if score is None)
    return rows + [_row(None, _latest(teams[team]), len(teams[team])) for team in unranked]


def best_attempt(scores: Iterable[Score]) -> Score | None:
    """The best of some scores of one challenge; None if none of them ranks."""
    # The id decides between equals, so that the order of the files never does.
    return min(filter(_ranks, scores), key=lambda score: (_key(score), score.id), default=None)


def challenge_ids(scores: Iterable[Score]) -> list[str]:
    """The challenges that have scores, in order."""
    return sorted({score.challenge.id for score in scores})


def _attempts_by_team(scores: Iterable[Score]) -> dict[str, list[Score]]:
    """Each team's attempts, one score per hand-in, without those that we failed to grade."""
    grades: dict[tuple[str, str], list[Score]] = defaultdict(list)
    for score in scores:
        if score.status != "grader_fault":
            grades[score.team, score.id].append(score)
    teams: dict[str, list[Score]] = defaultdict(list)
    for (team, _), regrades in grades.items():
        teams[team].append(_latest_grade(regrades))
    return teams


def _latest_grade(grades: list[Score]) -> Score:
    if len(grades) == 1:
        return grades[0]
    return max(grades, key=lambda score: (score.graded_at, encode(score)))


def _latest(attempts: Iterable[Score]) -> Score:
    return max(attempts, key=lambda score: (score.submitted_at, score.id))


def _ranks(score: Score) -> bool:
    measured = score.metric is None or score.metric.value is not None
    return score.status == "graded" and measured


def _key(score: Score) -> Key:
    """Sorts the better score first."""
    metric = score.metric
    if metric is None or metric.value is None:
        return (-score.score, True, 0.0, score.submitted_at)
    value = round(metric.value, metric.precision)
    return (
        -score.score,
        False,
        value if metric.order == "lower" else -value,
        score.submitted_at,
    )


def _row(rank: int | None, score: Score, attempts: int) -> Row:
    return Row(
        rank=rank,
        team=score.team,
        score=score.score,
        max_score=score.max_score,
        passed=score.passed,
        status=score.status,
        metric=score.metric,
        attempts=attempts,
        submitted_at=score.submitted_at,
        score_id=score.id,
    )
