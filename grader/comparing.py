"""What changed from one score to the next, and from one version of a hand-in to the next."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import msgspec

from grader.submission import Submission
from leaderboard.score import Score, SpecResult
from leaderboard.table import metric_text
from leaderboard.text import clip, printable

TITLE_WIDTH = 44


class Comparison(msgspec.Struct, frozen=True):
    """The specs that pass now and did not, those that did and do not any more, and the metric's move."""

    gained: tuple[SpecResult, ...] = ()
    lost: tuple[SpecResult, ...] = ()
    metric: str = ""

    @property
    def points_gained(self) -> int:
        """Points of the specs that pass now."""
        return sum(spec.points for spec in self.gained)

    @property
    def points_lost(self) -> int:
        """Points of the specs that pass no longer."""
        return sum(spec.points for spec in self.lost)

    def __bool__(self) -> bool:
        return bool(self.gained or self.lost or self.metric)


def compare(before: Score, now: Score) -> Comparison:
    """Return what changed. Specs that only one of the two scores has are compared with none."""
    passed = {spec.name for spec in before.specs if spec.outcome == "passed"}
    known = {spec.name for spec in before.specs}
    common = [spec for spec in now.specs if spec.name in known]
    return Comparison(
        tuple(s for s in common if s.outcome == "passed" and s.name not in passed),
        tuple(s for s in common if s.outcome != "passed" and s.name in passed),
        _metric(before, now),
    )


def sentences(comparison: Comparison, titles: int = 1) -> tuple[str, ...]:
    """Return the change in words: what was gained, what was lost, how the metric moved.

    More specs than `titles` are counted instead of named.
    """
    told = []
    if comparison.gained:
        sign = f"+{comparison.points_gained}" if comparison.points_gained else "±0"
        told.append(f"{sign}: now passes {_named(comparison.gained, titles)}")
    if comparison.lost:
        sign = f"−{comparison.points_lost}" if comparison.points_lost else "±0"
        told.append(f"{sign}: no longer passes {_named(comparison.lost, titles)}")
    if comparison.metric:
        told.append(comparison.metric)
    return tuple(told)


def diff(before: Submission, now: Submission) -> list[str]:
    """Return the unified diff of two versions, file by file, without the ends of lines."""
    lines: list[str] = []
    for name in dict.fromkeys([*before.files, *now.files]):
        old, new = (_text(version.files.get(name)) for version in (before, now))
        lines += difflib.unified_diff(old, new, f"{name} (before)", f"{name} (now)", lineterm="")
    return lines


def _text(data: bytes | None) -> list[str]:
    return (data or b"").decode("utf-8-sig", "replace").splitlines()


def _named(specs: Sequence[SpecResult], titles: int) -> str:
    if len(specs) > titles:
        return f"{len(specs)} specs"
    return ", ".join(f"“{clip(printable(spec.title), TITLE_WIDTH)}”" for spec in specs)


def _metric(before: Score, now: Score) -> str:
    if before.metric is None or now.metric is None:
        return ""
    old, new = metric_text(before.metric), metric_text(now.metric)
    return f"{printable(now.metric.name)} {old} → {new}" if old != new else ""
