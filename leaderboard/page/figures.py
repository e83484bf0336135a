"""Which numbers go into which drawing, and the same numbers as a table for whoever does not see it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct

from leaderboard.attempts import Attempt
from leaderboard.event import Event
from leaderboard.page import charts
from leaderboard.page.charts import Series, Stint
from leaderboard.page.model import Figure
from leaderboard.page.names import label
from leaderboard.page.svg import length_text, moment_at
from leaderboard.progress import Progress
from leaderboard.ranking import Row
from leaderboard.score import Score
from leaderboard.table import time_text

MAX_ROWS = 100


class Span(Struct, frozen=True):
    """What the axes of time reach over."""

    since: float
    until: float
    """Seconds since 1970, like all times in drawings."""


def time_span(attempts: Sequence[Attempt], event: Event, now: datetime) -> Span | None:
    """From the opening or the first attempt that counts to now, or to the last if the event is over."""
    times = [one.score.submitted_at for one in attempts if one.verdict == "counts"]
    if not times:
        return None
    since, until = min(times), max(times)
    if event.opens is not None:
        since = min(event.opens, since)
    if event.closes is not None and now < event.closes:
        until = max(until, now)
    return _span(since.timestamp(), until.timestamp())


def totals(steps: Progress, order: Sequence[str], span: Span | None) -> Figure | None:
    """The totals of all teams over time, in the order of the standings."""
    points: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for step in steps.steps:
        if not points[step.team]:
            points[step.team].append((step.at.timestamp(), 0.0))
        points[step.team].append((step.at.timestamp(), step.total))
    if span is None or not any(step.total for step in steps.steps):
        return None
    end = span.until
    series = [
        Series(
            name=team,
            value=f"{points[team][-1][1]:g}",
            points=(*points[team], (end, points[team][-1][1])),
        )
        for team in order
        if team in points
    ]
    return Figure(
        key="totals",
        svg=charts.totals(series, span.since, end),
        head=("Team", "Points", "Since (UTC)"),
        rows=tuple(
            (label(one.name), one.value, _clock(points[one.name][-1][0]))
            for one in series[:MAX_ROWS]
        ),
    )


def leads(steps: Progress, span: Span | None) -> Figure | None:
    """Who led from when to when; teams that share the lead are shown as one."""
    told = [lead for lead in steps.leads if lead.teams]
    if span is None or not told:
        return None
    stints = []
    for number, lead in enumerate(steps.leads):
        following = steps.leads[number + 1 :]
        until = following[0].since.timestamp() if following else span.until
        if lead.teams:
            stints.append(Stint(" = ".join(lead.teams[:3]), lead.since.timestamp(), until))
    return Figure(
        key="lead",
        svg=charts.leads(stints, span.since, span.until),
        head=("Team", "Led from (UTC)", "For"),
        rows=tuple(
            (label(one.name), _clock(one.since), length_text(one.until - one.since))
            for one in reversed(stints[-MAX_ROWS:])
        ),
    )


def team_scores(attempts: Sequence[Attempt]) -> Figure | None:
    """A team's graded attempts over time, earliest first, challenge by challenge."""
    graded: dict[str, list[Score]] = defaultdict(list)
    for one in attempts:
        if one.verdict == "counts" and one.score.status == "graded" and one.score.max_score:
            graded[one.score.challenge.id].append(one.score)
    if not graded:
        return None
    times = [score.submitted_at.timestamp() for scores in graded.values() for score in scores]
    span = _span(min(times), max(times))
    series = [_best_so_far(name, scores, span.until) for name, scores in sorted(graded.items())]
    series.sort(key=lambda one: -one.points[-1][1])
    return Figure(
        key="scores",
        svg=charts.scores_over_time(series, span.since, span.until),
        head=("Challenge", "Best score", "Graded attempts"),
        rows=tuple((label(one.name), one.value, str(len(one.dots))) for one in series),
    )


def learning_curves(
    rows: Sequence[Row], attempts: Sequence[Attempt], stands: Mapping[tuple[str, str], Score]
) -> Figure | None:
    """The curve of each team: of the attempt that its place rests on, else of its latest."""
    latest = {one.score.team: one.score for one in attempts if _trained(one.score)}
    series = []
    for row in rows:
        score = stands.get((row.challenge, row.team))
        chosen = score if score is not None and _trained(score) else latest.get(row.team)
        if chosen is not None:
            series.append(_curve(row.team, chosen))
    if not series:
        return None
    return Figure(
        key="curves",
        svg=charts.learning_curves(series),
        head=("Team", "First loss", "Last loss", "Seconds"),
        rows=tuple(
            (label(one.name), loss_text(one.points[0][1]), one.value, f"{one.points[-1][0]:.3g}")
            for one in series[:MAX_ROWS]
        ),
    )


def loss_text(loss: float) -> str:
    """A loss at two decimals, or its size if that would take a line."""
    return f"{loss:.2f}" if abs(loss) < 10_000 else f"{loss:.0e}"


def _best_so_far(name: str, scores: Sequence[Score], until: float) -> Series:
    best, points, dots = 0.0, [], []
    for score in scores:
        at, share = score.submitted_at.timestamp(), 100 * score.score / score.max_score
        dots.append((at, share))
        best = max(best, share)
        points.append((at, best))
    return Series(name=name, value=f"{best:.0f}", points=(*points, (until, best)), dots=tuple(dots))


def _curve(team: str, score: Score) -> Series:
    points = [(one.seconds, one.loss) for one in score.curve if one.loss is not None]
    points.sort()
    return Series(name=team, value=loss_text(points[-1][1]), points=charts.thinned(points))


def _trained(score: Score) -> bool:
    return sum(one.loss is not None for one in score.curve) > 1


def _span(since: float, until: float) -> Span:
    """A single moment has no width."""
    return Span(since, until if until > since else since + 60)


def _clock(seconds: float) -> str:
    return time_text(moment_at(seconds))
