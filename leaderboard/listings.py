"""What became of a team's attempts, and how a challenge fares: data, and the same as text."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from leaderboard.attempts import Attempt
from leaderboard.event import NO_EVENT, Event
from leaderboard.formats import (
    DEFAULT_FORMAT,
    NOTHING,
    check_format,
    csv_text,
    grid,
    json_text,
    shown,
)
from leaderboard.ranking import standing
from leaderboard.score import Metric, Score, Status, rfc3339
from leaderboard.table import metric_text, time_text

WIDE = 100


class Entry(Struct, frozen=True, kw_only=True):
    """One attempt of a team."""

    challenge: str
    submitted_at: datetime
    status: Status
    score: int
    max_score: int
    passed: bool
    metric: Metric | None
    verdict: str
    """``stands`` for the one that the team's place rests on, else an attempt's verdict."""
    score_id: str


class Mistake(Struct, frozen=True):
    """A known mistake that hand-ins were recognised by."""

    advice: str
    times: int


class Stats(Struct, frozen=True, kw_only=True):
    """How a challenge fares: of all attempts but those that we failed to grade."""

    challenge: str
    title: str
    attempts: int
    teams: int
    passed_attempts: int
    passed_teams: int
    median_to_pass: float | None
    """Attempts that a team needed, the passing one included, over the teams that passed."""
    hardest: str | None
    """The title of the spec that failed in most attempts."""
    hardest_failed: int
    mistakes: tuple[Mistake, ...]


def history(attempts: Iterable[Attempt], team: str, event: Event = NO_EVENT) -> list[Entry]:
    """Every attempt of a team, earliest first, with what became of it."""
    own: dict[str, list[Attempt]] = defaultdict(list)
    for one in attempts:
        if one.score.team == team:
            own[one.score.challenge.id].append(one)
    stands = {challenge: standing(ones, event) for challenge, ones in own.items()}
    entries = [
        _entry(one, stands[challenge] is one.score)
        for challenge, ones in own.items()
        for one in ones
    ]
    return sorted(entries, key=lambda one: (one.submitted_at, one.challenge, one.score_id))


def stats(attempts: Iterable[Attempt]) -> list[Stats]:
    """A line for each challenge, in order."""
    by_challenge: dict[str, list[Score]] = defaultdict(list)
    for one in attempts:
        if one.verdict not in ("our fault", "elsewhere"):
            by_challenge[one.score.challenge.id].append(one.score)
    return [_stats_of(scores) for _, scores in sorted(by_challenge.items())]


def render_history(entries: Sequence[Entry], fmt: str = DEFAULT_FORMAT) -> str:
    """The attempts in one of `FORMATS`."""
    columns = [("challenge", "left"), ("when (UTC)", "left"), ("score", "right")]
    columns += [("metric", "right"), ("what became of it", "left"), ("id", "left")]

    def cells(one: Entry) -> list[str]:
        graded = one.status == "graded"
        return [
            shown(one.challenge),
            time_text(one.submitted_at),
            f"{one.score} / {one.max_score}" if graded else one.status.replace("_", " "),
            metric_text(one.metric),
            one.verdict,
            shown(one.score_id, WIDE),
        ]

    return _rendered(entries, fmt, columns, cells, _history_record)


def render_stats(rows: Sequence[Stats], fmt: str = DEFAULT_FORMAT) -> str:
    """The lines in one of `FORMATS`; known mistakes are `render_mistakes`, and in JSON within."""
    columns = [("challenge", "left"), ("attempts", "right"), ("teams", "right")]
    columns += [("passed", "right"), ("pass rate", "right"), ("median attempts to pass", "right")]
    columns += [("most failed spec", "left"), ("failed", "right")]

    def cells(one: Stats) -> list[str]:
        return [
            shown(one.challenge),
            str(one.attempts),
            str(one.teams),
            str(one.passed_teams),
            f"{one.passed_attempts / one.attempts:.0%}",
            NOTHING if one.median_to_pass is None else f"{one.median_to_pass:g}",
            NOTHING if one.hardest is None else shown(one.hardest, WIDE),
            str(one.hardest_failed),
        ]

    return _rendered(rows, fmt, columns, cells, _stats_record)


def render_mistakes(rows: Sequence[Stats], fmt: str = DEFAULT_FORMAT) -> str:
    """Which known mistakes were recognised, most frequent first; empty if none was."""
    found = [(one.challenge, mistake) for one in rows for mistake in one.mistakes]
    if not found:
        return ""
    columns = [("challenge", "left"), ("times", "right"), ("known mistake", "left")]
    cells = [
        [shown(challenge), str(mistake.times), shown(mistake.advice, 2 * WIDE)]
        for challenge, mistake in found
    ]
    return grid(columns, cells, fmt)


def _rendered(
    rows: Sequence[Any],
    fmt: str,
    columns: Sequence[tuple[str, str]],
    cells: Callable[[Any], list[str]],
    record: Callable[[Any], dict[str, Any]],
) -> str:
    check_format(fmt)
    if fmt == "json":
        return json_text(msgspec.to_builtins(rows))
    if fmt == "csv":
        records = [record(row) for row in rows]
        return csv_text(list(records[0]) if records else [], records)
    return grid(columns, map(cells, rows), fmt)


def _entry(one: Attempt, stands: bool) -> Entry:
    score = one.score
    return Entry(
        challenge=score.challenge.id,
        submitted_at=score.submitted_at,
        status=score.status,
        score=score.score,
        max_score=score.max_score,
        passed=score.passed,
        metric=score.metric,
        verdict="stands" if stands else one.verdict,
        score_id=score.id,
    )


def _stats_of(scores: list[Score]) -> Stats:
    teams: dict[str, list[Score]] = defaultdict(list)
    for score in sorted(scores, key=lambda score: (score.submitted_at, score.id)):
        teams[score.team].append(score)
    needed = [
        next(number for number, one in enumerate(ones, 1) if one.passed)
        for ones in teams.values()
        if any(one.passed for one in ones)
    ]
    failed = Counter(
        spec.title for score in scores for spec in score.specs if spec.outcome == "failed"
    )
    mistakes = Counter(score.advice for score in scores if score.advice)
    hardest, times = _most(failed)[0] if failed else (None, 0)
    return Stats(
        challenge=scores[0].challenge.id,
        title=max(score.challenge.title for score in scores),
        attempts=len(scores),
        teams=len(teams),
        passed_attempts=sum(score.passed for score in scores),
        passed_teams=len(needed),
        median_to_pass=statistics.median(needed) if needed else None,
        hardest=hardest,
        hardest_failed=times,
        mistakes=tuple(Mistake(advice, count) for advice, count in _most(mistakes)),
    )


def _most(counter: Counter[str]) -> list[tuple[str, int]]:
    """Most frequent first; the text decides between equals."""
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))


def _history_record(one: Entry) -> dict[str, Any]:
    return {
        **msgspec.structs.asdict(one),
        "submitted_at": rfc3339(one.submitted_at),
        "metric": one.metric.name if one.metric else None,
        "value": one.metric.value if one.metric else None,
    }


def _stats_record(one: Stats) -> dict[str, Any]:
    record = msgspec.structs.asdict(one)
    record["known_mistakes"] = sum(mistake.times for mistake in record.pop("mistakes"))
    return record
