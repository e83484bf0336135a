"""The folder of a report: what an earlier run has left there is taken away before anything else is done."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from leaderboard.score import Score
from leaderboard.store import Store

FILES: Final = {
    "json": "report.json",
    "markdown": "summary.md",
    "junit": "junit.xml",
    "ctrf": "ctrf.json",
}
SCORES: Final = "scores"
# Which records a run has put there, a path each; hidden, so that no reader of scores takes it for one.
# docs/ci/grade.sh reads it as well.
MADE: Final = ".made-by-grader-ci"


def clear(out: Path) -> None:
    """Remove the report of an earlier run and the records that it has made, and nothing else."""
    for name in FILES.values():
        (out / name).unlink(missing_ok=True)
    scores = out / SCORES
    made = scores / MADE
    if scores.is_symlink() or made.is_symlink() or not made.is_file():
        return
    for line in made.read_text("utf-8").splitlines():
        record = scores / line
        # A list that somebody else has written leads nowhere else.
        inside = record.resolve().is_relative_to(scores.resolve())
        if inside and record.suffix == ".json" and record.is_file():
            record.unlink()
            _remove_empty(record.parent, scores)
    made.unlink()
    _remove_empty(scores, out)


def _remove_empty(folder: Path, top: Path) -> None:
    with contextlib.suppress(OSError):
        while folder != top:
            folder.rmdir()
            folder = folder.parent


def add(scores: Iterable[Score], out: Path) -> None:
    """Write the records, and which of them were not there before."""
    store = Store(out / SCORES)
    before = set(store.path.rglob("*.json"))
    for score in scores:
        path = store.add(score)
        if path not in before:
            with (store.path / MADE).open("a", encoding="utf-8") as made:
                made.write(f"{path.relative_to(store.path).as_posix()}\n")
