"""Standings as text, in every format of `leaderboard.formats`."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from leaderboard.formats import (
    DEFAULT_FORMAT,
    NOTHING,
    Stranger,
    check_format,
    csv_text,
    grid,
    json_text,
    shown,
)
from leaderboard.overall import OverallRow
from leaderboard.ranking import Row
from leaderboard.score import Metric, rfc3339

GUEST = "guest"

_CSV_COLUMNS = ["challenge", "rank", "team", "listed", "score", "max_score", "passed", "status"]
_CSV_COLUMNS += ["verdict", "metric", "value", "stderr", "attempts", "not_counted"]
_CSV_COLUMNS += ["submitted_at", "score_id", "moved"]


def render(rows: Sequence[Row], fmt: str = DEFAULT_FORMAT) -> str:
    """The rows in one of `FORMATS`, without a newline at the end.

    Raises `UnknownFormatError` with near matches.
    """
    check_format(fmt)
    if fmt == "json":
        return json_text(msgspec.to_builtins(rows))
    if fmt == "csv":
        return csv_text(_CSV_COLUMNS, map(_record, rows))
    return _table(rows, fmt)


def render_overall(rows: Sequence[OverallRow], fmt: str = DEFAULT_FORMAT) -> str:
    """The overall rows, as `render`; in CSV each challenge is a column ``points_ID``."""
    check_format(fmt)
    if fmt == "json":
        return json_text(msgspec.to_builtins(rows))
    challenges = list(rows[0].points) if rows else []
    if fmt == "csv":
        return _overall_csv(rows, challenges)
    moves = _moves(rows)
    columns = [("rank", "right"), *moves.heading, ("team", "left"), ("total", "right")]
    columns += [(shown(name), "right") for name in challenges]
    columns += [("passed", "right"), ("attempts", "right")]
    some_not_counted = any(row.not_counted for row in rows)
    columns += [("not counted", "right")] if some_not_counted else []
    columns += [("since (UTC)", "left")]
    cells = [
        [
            rank_text(row.rank, row.listed),
            *moves.cell(row),
            shown(row.team),
            f"{row.total:g}",
            *(_points_text(row.points[name]) for name in challenges),
            str(row.passed),
            str(row.attempts),
            *([str(row.not_counted)] if some_not_counted else []),
            time_text(row.reached_at),
        ]
        for row in rows
    ]
    return grid(columns, cells, fmt)


def metric_text(metric: Metric | None) -> str:
    """A metric's value at its declared precision."""
    if metric is None or metric.value is None:
        return NOTHING
    # Adding zero turns -0.0 into 0.0.
    return f"{round(metric.value, metric.precision) + 0.0:.{metric.precision}f}"


def time_text(moment: datetime) -> str:
    """A time in UTC, to the second."""
    return f"{moment:%Y-%m-%d %H:%M:%S}"


def _table(rows: Sequence[Row], fmt: str) -> str:
    name = _metric_name(rows)
    some_not_counted = any(row.not_counted for row in rows)
    moves = _moves(rows)
    columns = [("rank", "right"), *moves.heading, ("team", "left"), ("score", "right")]
    columns += [] if name is None else [(name, "right")]
    columns += [("attempts", "right")]
    columns += [("not counted", "right")] if some_not_counted else []
    columns += [("when (UTC)", "left")]
    cells = [
        [
            rank_text(row.rank, row.listed),
            *moves.cell(row),
            shown(row.team),
            score_text(row),
            *([] if name is None else [metric_text(row.metric)]),
            str(row.attempts),
            *([str(row.not_counted)] if some_not_counted else []),
            time_text(row.submitted_at),
        ]
        for row in rows
    ]
    return grid(columns, cells, fmt)


class _Moves(msgspec.Struct, frozen=True):
    """The column of ranks gained and lost; no column at all where nothing was revealed."""

    shown: bool

    @property
    def heading(self) -> list[tuple[str, str]]:
        return [("moved", "right")] if self.shown else []

    def cell(self, row: Row | OverallRow) -> list[str]:
        if not self.shown:
            return []
        return [NOTHING if row.moved is None else f"{row.moved:+d}" if row.moved else "0"]


def _moves(rows: Sequence[Row] | Sequence[OverallRow]) -> _Moves:
    return _Moves(any(row.moved is not None for row in rows))


def rank_text(rank: int | None, listed: bool) -> str:
    """A rank, or why there is none."""
    if not listed:
        return GUEST
    return NOTHING if rank is None else str(rank)


def score_text(row: Row) -> str:
    """The points, or in a word why they do not rank."""
    if row.verdict != "counts":
        return row.verdict
    if row.status != "graded":
        return row.status.replace("_", " ")
    if row.metric is not None and row.metric.value is None:
        return "not finite"
    return f"{row.score} / {row.max_score}"


def _points_text(points: int | None) -> str:
    return NOTHING if points is None else str(points)


def _metric_name(rows: Iterable[Row]) -> Stranger | None:
    """The heading of the metric's column; None if nobody has a metric."""
    names = {row.metric.name for row in rows if row.metric}
    if not names:
        return None
    return shown(names.pop() if len(names) == 1 else "metric")


def _record(row: Row) -> dict[str, Any]:
    metric = row.metric
    return {
        **msgspec.structs.asdict(row),
        "submitted_at": rfc3339(row.submitted_at),
        "metric": metric.name if metric else None,
        "value": metric.value if metric else None,
        "stderr": metric.stderr if metric else None,
    }


def _overall_csv(rows: Sequence[OverallRow], challenges: Sequence[str]) -> str:
    fixed = ["rank", "team", "listed", "members", "total"]
    points = [f"points_{name}" for name in challenges]
    records = [
        {
            **msgspec.structs.asdict(row),
            "members": "; ".join(row.members),
            "reached_at": rfc3339(row.reached_at),
            **{f"points_{name}": row.points[name] for name in challenges},
        }
        for row in rows
    ]
    columns = [*fixed, *points, "passed", "attempts", "not_counted", "reached_at", "moved"]
    return csv_text(columns, records)
