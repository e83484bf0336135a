"""Scores for other programs: whole records as JSON lines, and their numbers as flat columns."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, Final

import msgspec

from leaderboard.formats import csv_cell
from leaderboard.score import Score, rfc3339
from leaderboard.text import printable_json


def json_lines(scores: Iterable[Score]) -> Iterator[str]:
    """Each record whole, on a line of its own, safe to print."""
    for score in scores:
        fields = msgspec.to_builtins(score)
        fields["submitted_at"] = rfc3339(score.submitted_at)
        fields["graded_at"] = rfc3339(score.graded_at)
        yield printable_json(json.dumps(fields, ensure_ascii=False, allow_nan=False))


def csv_lines(scores: Iterable[Score]) -> Iterator[str]:
    """A line of headings, and one for each record; no cell is run as a formula by a spreadsheet."""
    yield _csv_line(COLUMNS)
    for score in scores:
        values = flat(score).values()
        yield _csv_line(rfc3339(one) if isinstance(one, datetime) else one for one in values)


def flat(score: Score) -> dict[str, Any]:
    """The record without its specs, prints and curve, in columns of plain values."""
    return {name: value(score) for name, value in COLUMNS.items()}


COLUMNS: Final[dict[str, Callable[[Score], Any]]] = {
    "id": lambda score: score.id,
    "challenge": lambda score: score.challenge.id,
    "title": lambda score: score.challenge.title,
    "specs_sha256": lambda score: score.challenge.specs_sha256,
    "team": lambda score: score.team,
    "file": lambda score: score.submission.name,
    "sha256": lambda score: score.submission.sha256,
    "bytes": lambda score: score.submission.bytes,
    "submitted_at": lambda score: score.submitted_at,
    "graded_at": lambda score: score.graded_at,
    "status": lambda score: score.status,
    "score": lambda score: score.score,
    "max_score": lambda score: score.max_score,
    "passed": lambda score: score.passed,
    "metric": lambda score: score.metric.name if score.metric else None,
    "value": lambda score: score.metric.value if score.metric else None,
    "stderr": lambda score: score.metric.stderr if score.metric else None,
    "specs_failed": lambda score: sum(spec.outcome == "failed" for spec in score.specs),
    "advice": lambda score: score.advice,
    "device": lambda score: score.device.type,
    "device_name": lambda score: score.device.name,
    "walls": lambda score: score.walls,
    "seed": lambda score: score.seed,
    "wall_s": lambda score: score.usage.wall_s,
    "cpu_s": lambda score: score.usage.cpu_s,
    "peak_mb": lambda score: score.usage.peak_mb,
    "python": lambda score: score.environment.python,
    "torch": lambda score: score.environment.torch,
    "grader": lambda score: score.environment.grader,
    "platform": lambda score: score.environment.platform,
}


def _csv_line(values: Iterable[Any]) -> str:
    file = io.StringIO()
    csv.writer(file, lineterminator="").writerow([csv_cell(value) for value in values])
    return file.getvalue()
