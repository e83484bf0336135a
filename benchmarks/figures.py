"""Figures against their bars, as a table in Markdown, and its place on a page."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = ROOT / "docs" / "performance.md"
END: Final = "<!-- end -->"


class Bar(NamedTuple):
    """What a figure has to reach, and what we would like it to reach."""

    bar: float
    aim: float
    at_least: bool = False

    def met(self, value: float) -> str:
        """Say which of the two the value reaches."""
        sign = -1 if self.at_least else 1
        if sign * value <= sign * self.aim:
            return "aim"
        return "bar" if sign * value <= sign * self.bar else "no"


class Figure(NamedTuple):
    """One row: a value for each round, or why there is none."""

    name: str
    values: Sequence[float]
    unit: str = "s"
    bar: Bar | None = None
    missing: str = ""

    @property
    def median(self) -> float:
        """The median over the rounds."""
        return statistics.median(self.values)

    def row(self) -> str:
        """Return the row of the table."""
        limits = _limits(self.bar, self.unit)
        if not self.values:
            return f"| {self.name} | not available: {self.missing} | | {limits} | |"
        spread = ""
        if len(self.values) > 1:
            spread = f"{number(min(self.values))}–{number(max(self.values))}"
        met = self.bar.met(self.median) if self.bar else ""
        return (
            f"| {self.name} | {with_unit(self.median, self.unit)} | {spread} | {limits} | {met} |"
        )


def number(value: float) -> str:
    """Return a value with three or four digits that count."""
    size = abs(value)
    return f"{value:.0f}" if size >= 100 else f"{value:.2f}" if size >= 1 else f"{value:.3f}"


def with_unit(value: float, unit: str) -> str:
    """Return a value with its unit; a ratio has none."""
    return f"{number(value)} {unit}".rstrip()


def _limits(bar: Bar | None, unit: str) -> str:
    if bar is None:
        return "|"
    sign = "≥" if bar.at_least else "≤"
    return " | ".join(f"{sign} {value:g} {unit}".rstrip() for value in (bar.bar, bar.aim))


def table(figures: Sequence[Figure]) -> str:
    """Return the table of all figures."""
    head = "| figure | measured | least–most | bar | aim | met |\n|---|--:|--:|--:|--:|---|"
    return "\n".join([head, *(figure.row() for figure in figures)])


def ratio(name: str, above: Figure, below: Figure, bar: Bar) -> Figure:
    """Return the ratio of two figures, round by round."""
    values = [a / b for a, b in zip(above.values, below.values, strict=False)]
    missing = above.missing or below.missing
    return Figure(name, values, "", bar, missing)


def machine() -> str:
    """Return the machine in a line."""
    return (
        f"{os.cpu_count()} cores ({_processor()}), {platform.machine()}, {platform.system()}, "
        f"Python {platform.python_version()}, torch {importlib.metadata.version('torch')}"
    )


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown processor"


def write(script: str, text: str, page: Path = PAGE) -> None:
    """Put text into the page, in the place that belongs to a script."""
    begin = f"<!-- made by {script} --write -->"
    head, found, rest = page.read_text("utf-8").partition(begin)
    _, ended, tail = rest.partition(END)
    if not (found and ended):
        raise SystemExit(f"{page.name} has no place that begins with {begin} and ends with {END}")
    page.write_text(f"{head}{begin}\n\n{text}\n\n{END}{tail}", "utf-8")
