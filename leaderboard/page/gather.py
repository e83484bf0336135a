"""From scores and an event to what the pages know. Every standing in here is `leaderboard`'s own."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from leaderboard.attempts import Attempt, judge_attempts
from leaderboard.event import Event
from leaderboard.listings import Stats, stats
from leaderboard.overall import OverallRow, entries_of, overall
from leaderboard.page import charts, figures
from leaderboard.page.model import (
    AttemptLine,
    Cell,
    ChallengePage,
    Link,
    MistakeCount,
    OverallLine,
    Site,
    SpecCount,
    SpecLine,
    StandingLine,
    TeamPage,
)
from leaderboard.page.names import digest, file_name, label, one_line, sentence
from leaderboard.progress import progress
from leaderboard.ranking import Row, rank_attempts, standing
from leaderboard.reveal import seen_attempts, with_moves
from leaderboard.score import Score, SpecResult
from leaderboard.table import metric_text, rank_text, score_text

LATEST = 60
MAX_FULL = 160
DEFAULT_TITLE = "Leaderboard"


class _Found(Struct, frozen=True):
    """What several pages are made of."""

    event: Event
    attempts: list[Attempt]
    by_challenge: dict[str, list[Attempt]]
    """In the event's order; of one that names none, by id."""
    stands: dict[tuple[str, str], Score]
    """By challenge and team."""
    rows: dict[str, list[Row]]
    overall: list[OverallRow]


def gather(
    scores: Iterable[Score], event: Event, now: datetime, title: str = "", revealed: bool = False
) -> Site:
    """All pages; the order of the scores does not matter."""
    # Judged first: a signature is one of the whole record.
    judged = judge_attempts(scores, event)
    found = _find(seen_attempts(judged, event, revealed), event)
    if revealed:
        found = _with_moves(found, _find(seen_attempts(judged, event), event))
    lines = {id(one): _attempt_line(one, found) for one in found.attempts}
    told = [one for one in found.attempts if one.verdict != "our fault"]
    steps = progress(found.attempts, event)
    place = {row.team: _overall_line(row, found) for row in found.overall}
    span = figures.time_span(found.attempts, event, now)
    lead = steps.leads[-1] if steps.leads else None
    return Site(
        title=one_line(title or event.title or DEFAULT_TITLE, 80),
        now=now,
        opens=event.opens,
        closes=event.closes,
        challenges=tuple(
            _challenge_page(name, ones, found) for name, ones in found.by_challenge.items()
        ),
        teams=tuple(
            _team_page(team, found, lines, place.get(team))
            for team in sorted({one.score.team for one in told})
        ),
        overall=tuple(place.values()),
        latest=tuple(lines[id(one)] for one in sorted(told, key=_graded, reverse=True)[:LATEST]),
        attempts=tuple(lines[id(one)] for one in sorted(told, key=_handed_in, reverse=True)),
        leader=" = ".join(label(team, 24) for team in lead.teams[:3]) if lead else "",
        led_since=lead.since if lead else None,
        progress=figures.totals(steps, [row.team for row in found.overall], span),
        lead=figures.leads(steps, span),
    )


def _find(attempts: list[Attempt], event: Event) -> _Found:
    groups: dict[str, list[Attempt]] = defaultdict(list)
    for one in attempts:
        groups[one.score.challenge.id].append(one)
    # As `overall` has them: without an event, a challenge that only we failed to grade is none.
    own_faults = ("our fault", "elsewhere")
    order = [
        entry.id
        for entry in entries_of((one for one in attempts if one.verdict not in own_faults), event)
    ]
    by_challenge = {name: groups[name] for name in order}
    own: dict[tuple[str, str], list[Attempt]] = defaultdict(list)
    for one in attempts:
        own[one.score.challenge.id, one.score.team].append(one)
    stands = {key: score for key, ones in own.items() if (score := standing(ones, event))}
    rows = {name: rank_attempts(ones, event) for name, ones in by_challenge.items()}
    return _Found(event, attempts, by_challenge, stands, rows, overall(attempts, event))


def _with_moves(found: _Found, before: _Found) -> _Found:
    """What was found, each row with the ranks that it gained since what was shown before."""
    rows = {name: with_moves(ones, before.rows[name]) for name, ones in found.rows.items()}
    return replace(found, rows=rows, overall=with_moves(found.overall, before.overall))


def _challenge_page(name: str, attempts: list[Attempt], found: _Found) -> ChallengePage:
    numbers = next(iter(stats(attempts)), None)
    rows = found.rows[name]
    metrics = {row.metric.name for row in rows if row.metric}
    weights = {entry.id: entry.weight for entry in found.event.challenges}
    counted = numbers.attempts if numbers else 0
    return ChallengePage(
        link=challenge_link(name),
        title=one_line(numbers.title, 80) if numbers and numbers.title else "",
        weight=f"{weights.get(name, 1.0):g}",
        metric_name=label(metrics.pop()) if len(metrics) == 1 else "metric" if metrics else "",
        standings=tuple(_standing_line(row, found) for row in rows),
        attempts=counted,
        teams=numbers.teams if numbers else 0,
        passed_teams=numbers.passed_teams if numbers else 0,
        pass_rate=f"{numbers.passed_attempts / counted:.0%}" if numbers and counted else "–",
        median_to_pass=_median(numbers),
        hardest=one_line(numbers.hardest) if numbers and numbers.hardest else "",
        specs=_spec_counts(attempts),
        mistakes=tuple(
            MistakeCount(sentence(one.advice), one.times)
            for one in (numbers.mistakes if numbers else ())
        ),
        curves=figures.learning_curves(rows, attempts, found.stands),
    )


def _median(numbers: Stats | None) -> str:
    if numbers is None or numbers.median_to_pass is None:
        return "–"
    return f"{numbers.median_to_pass:g}"


def _spec_counts(attempts: Sequence[Attempt]) -> tuple[SpecCount, ...]:
    """Every spec that any attempt failed, with the number of those attempts, most first."""
    counted = [one.score for one in attempts if one.verdict not in ("our fault", "elsewhere")]
    times = Counter(
        spec.title for score in counted for spec in score.specs if spec.outcome == "failed"
    )
    ordered = sorted(times.items(), key=lambda item: (-item[1], item[0]))
    return tuple(
        SpecCount(one_line(title), count, charts.bar(count / len(counted)))
        for title, count in ordered
    )


def _team_page(
    team: str, found: _Found, lines: dict[int, AttemptLine], place: OverallLine | None
) -> TeamPage:
    own = [one for one in found.attempts if one.score.team == team and one.verdict != "our fault"]
    own.sort(key=_handed_in, reverse=True)
    return TeamPage(
        link=team_link(team),
        members=place.members if place else "",
        place=place,
        attempts=tuple(lines[id(one)] for one in own),
        scores=figures.team_scores(list(reversed(own))),
    )


def team_link(team: str) -> Link:
    """A team's page under its name."""
    return Link(label(team), file_name("team", team), label(team, MAX_FULL))


def challenge_link(challenge: str) -> Link:
    """A challenge's page under its number."""
    return Link(label(challenge, 16), file_name("challenge", challenge))


def _overall_line(row: OverallRow, found: _Found) -> OverallLine:
    cells = []
    for name, points in row.points.items():
        score = found.stands.get((name, row.team))
        cells.append(Cell(points, charts.strip(score) if score else charts.NO_STRIP))
    return OverallLine(
        rank=rank_text(row.rank, row.listed),
        moved=row.moved,
        team=team_link(row.team),
        members=one_line(", ".join(row.members)) if row.members else "",
        total=row.total,
        cells=tuple(cells),
        passed=row.passed,
        attempts=row.attempts,
        not_counted=row.not_counted,
        reached_at=row.reached_at,
        leads=row.rank == 1 and row.total > 0,
    )


def _standing_line(row: Row, found: _Found) -> StandingLine:
    score = found.stands.get((row.challenge, row.team))
    return StandingLine(
        rank=rank_text(row.rank, row.listed),
        moved=row.moved,
        team=team_link(row.team),
        score=score_text(row),
        points=row.score if score else -1,
        metric=metric_text(row.metric),
        strip=charts.strip(score) if score else charts.NO_STRIP,
        attempts=row.attempts,
        not_counted=row.not_counted,
        at=row.submitted_at,
        leads=row.rank == 1,
    )


def _attempt_line(one: Attempt, found: _Found) -> AttemptLine:
    score = one.score
    graded = score.status == "graded"
    failed = [spec for spec in score.specs if spec.outcome == "failed"]
    stands = found.stands.get((score.challenge.id, score.team)) is score
    return AttemptLine(
        key=digest(f"{score.team}\0{score.id}"),
        team=team_link(score.team),
        challenge=_challenge_of(one),
        at=score.submitted_at,
        graded_at=score.graded_at,
        score=str(score.score) if graded else score.status.replace("_", " "),
        points=score.score if graded else -1,
        passed=score.passed,
        metric=""
        if score.metric is None
        else f"{label(score.metric.name, 16)} {metric_text(score.metric)}",
        verdict="" if one.verdict == "counts" else one.verdict,
        stands=stands,
        strip=charts.strip(score) if graded else charts.NO_STRIP,
        failed=tuple(_spec_line(spec) for spec in failed if spec.points),
        remarks=tuple(_spec_line(spec) for spec in failed if not spec.points),
        skipped=sum(spec.outcome == "skipped" for spec in score.specs),
        advice=sentence(score.advice),
        message="" if graded else sentence(score.message),
    )


def _challenge_of(one: Attempt) -> Link:
    """The link of an attempt's challenge; one that does not belong to the event has no page."""
    link = challenge_link(one.score.challenge.id)
    return link if one.verdict != "elsewhere" else Link(link.text, "")


def _spec_line(spec: SpecResult) -> SpecLine:
    return SpecLine(one_line(spec.title), spec.points, sentence(spec.message))


def _graded(one: Attempt) -> tuple[datetime, str, str]:
    return (one.score.graded_at, one.score.id, one.score.team)


def _handed_in(one: Attempt) -> tuple[datetime, str, str]:
    return (one.score.submitted_at, one.score.id, one.score.team)
