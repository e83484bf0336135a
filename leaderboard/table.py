"""Standings as text: every format of tabulate, and JSON and CSV for programs.

Names come from strangers. In each format they are escaped so that they stay one cell.
"""

import csv
import difflib
import io
import json
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Any

import msgspec
from tabulate import tabulate, tabulate_formats

from leaderboard.errors import UnknownFormatError
from leaderboard.ranking import Row
from leaderboard.score import Metric, rfc3339
from leaderboard.text import clip, printable, printable_json

FORMATS: tuple[str, ...] = tuple(sorted({*tabulate_formats, "csv", "json"}))
DEFAULT_FORMAT = "simple"
MAX_NAME = 48
NOTHING = "-"
# Also in the width that keyboards for Chinese and Japanese type.
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")

_CSV_COLUMNS = ["rank", "team", "score", "max_score", "passed", "status", "metric", "value"]
_CSV_COLUMNS += ["stderr", "attempts", "submitted_at", "score_id"]

# The same tables, with the escaping that these two leave out.
_SAFE_FORMAT = {"unsafehtml": "html", "latex_raw": "latex"}
_MARKDOWN = re.compile(r"[\\`*_\[\]<>|~&$:!#]|(?<=www)\.")
_MARKUP = re.compile(r"(?![.,-])[!-/:-@\[-`{-~]")
_BACKSLASHED = re.compile(r"[!-/:-@\[-`{-~]")


def render(rows: Sequence[Row], fmt: str = DEFAULT_FORMAT) -> str:
    """The rows in one of `FORMATS`, without a newline at the end.

    Raises `UnknownFormatError` with near matches.
    """
    if fmt not in FORMATS:
        raise UnknownFormatError(_unknown(fmt))
    if fmt == "json":
        return _json(rows)
    if fmt == "csv":
        return _csv(rows)
    return _table(rows, _SAFE_FORMAT.get(fmt, fmt))


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
    escape = _ESCAPES.get(fmt, str)
    headers = ["rank", "team", "score", "attempts", "when (UTC)"]
    align = ["right", "left", "right", "right", "left"]
    cells = [_cells(row, escape) for row in rows]
    name = _metric_name(rows)
    if name is not None:
        headers.insert(3, escape(name))
        align.insert(3, "right")
        for line, row in zip(cells, rows, strict=True):
            line.insert(3, metric_text(row.metric))
    return tabulate(
        cells,
        headers=headers,
        tablefmt=fmt,
        colalign=align if rows else None,
        disable_numparse=True,
    )


def _cells(row: Row, escape: Callable[[str], str]) -> list[str]:
    ranked = row.rank is not None
    return [
        str(row.rank) if ranked else NOTHING,
        escape(_shown(row.team)),
        f"{row.score} / {row.max_score}" if ranked else escape(_status_text(row)),
        str(row.attempts),
        time_text(row.submitted_at),
    ]


def _status_text(row: Row) -> str:
    # A graded attempt without a rank is one whose metric is not a number.
    return "not finite" if row.status == "graded" else row.status.replace("_", " ")


def _metric_name(rows: Iterable[Row]) -> str | None:
    """The heading of the metric's column; None if nobody has a metric."""
    names = {row.metric.name for row in rows if row.metric}
    if not names:
        return None
    return _shown(names.pop()) if len(names) == 1 else "metric"


def _shown(name: str) -> str:
    # Blank at an end would be dropped by tabulate, and two teams would look like one.
    visible = name if name == name.strip() and name else repr(name)
    return clip(printable(visible), MAX_NAME)


def _json(rows: Sequence[Row]) -> str:
    return printable_json(json.dumps(msgspec.to_builtins(rows), indent=2, ensure_ascii=False))


def _csv(rows: Sequence[Row]) -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, _CSV_COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        record: dict[str, Any] = {name: getattr(row, name, None) for name in _CSV_COLUMNS}
        record["team"] = _csv_text(row.team)
        record["score_id"] = _csv_text(row.score_id)
        record["submitted_at"] = rfc3339(row.submitted_at)
        record["metric"] = _csv_text(row.metric.name) if row.metric else None
        record["value"] = row.metric.value if row.metric else None
        record["stderr"] = row.metric.stderr if row.metric else None
        writer.writerow(record)
    return file.getvalue().removesuffix("\n")


def _csv_text(text: str) -> str:
    # A spreadsheet runs a cell that begins like a formula, unless an apostrophe stands before it.
    return printable(f"'{text}" if text.lstrip().startswith(_FORMULA) else text)


def _escape_markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\g<0>", text)


def _escape_references(text: str) -> str:
    """Write punctuation as character references: shown as it is, and never markup of the language."""
    return _MARKUP.sub(lambda match: f"&#{ord(match[0])};", text)


def _escape_backslash(text: str) -> str:
    return _BACKSLASHED.sub(r"\\\g<0>", text)


def _escape_org(text: str) -> str:
    """Part the signs of Org's syntax by an entity of no width; it has no other escape."""
    named = {"\\": r"\backslash{}", "|": r"\vert{}"}
    return _MARKUP.sub(lambda match: named.get(match[0], rf"{match[0]}\zwnj{{}}"), text)


_ESCAPES: dict[str, Callable[[str], str]] = {
    "github": _escape_markdown,
    "pipe": _escape_markdown,
    "asciidoc": _escape_references,
    "jira": _escape_backslash,
    "youtrack": _escape_backslash,
    "rst": _escape_backslash,
    "mediawiki": _escape_references,
    "moinmoin": _escape_references,
    "textile": _escape_references,
    "orgtbl": _escape_org,
    "tsv": _csv_text,
}


def _unknown(fmt: str) -> str:
    near = difflib.get_close_matches(fmt, FORMATS, n=3)
    known = f"Did you mean {', '.join(near)}?" if near else f"Known: {', '.join(FORMATS)}."
    return printable(f"There is no table format {fmt!r}. {known}")
