"""Draws two gradings as bars of stages, in SVG: one scale for both, and the warm one magnified as well."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple
from xml.sax.saxutils import escape


class Stage(NamedTuple):
    """What a stage is called, its colour, and the colour of numbers on it."""

    words: str
    fill: str
    ink: str


STAGES: Final = {
    "start": Stage("start Python and the grader", "#7d8590", "#fff"),
    "fork": Stage("start or fork judge and worker", "#4a7fc1", "#fff"),
    "torch": Stage("import torch and pytest, both at once", "#e8853d", "#1b1b1b"),
    "load": Stage("load the hand-in", "#b05c94", "#fff"),
    "pytest": Stage("pytest itself", "#3f9a6b", "#fff"),
    "specs": Stage("specs: make inputs, encode, compare", "#2fa7b5", "#1b1b1b"),
    "reference": Stage("the reference computes", "#8468c4", "#fff"),
    "worker": Stage("the hand-in computes, and answers", "#d24f55", "#fff"),
    "end": Stage("sweep, end, record", "#a98467", "#1b1b1b"),
}
WIDTH, LEFT, RIGHT = 840, 28, 28
SPAN: Final = WIDTH - LEFT - RIGHT
BAR: Final = 40
COLD_Y, STRIP_Y, WARM_Y, LEGEND_Y = 104, 190, 232, 328
STEP: Final = 24
HEIGHT: Final = LEGEND_Y + STEP * (len(STAGES) + 2) + 8
# Its own ground, so that it can be read on any page.
STYLE: Final = """
text { font: 13px system-ui, -apple-system, "Segoe UI", Helvetica, Arial, sans-serif; fill: #1f2328; }
.title { font-size: 17px; font-weight: 600; }
.name { font-weight: 600; }
.quiet { fill: #59636e; }
.tick { font-size: 11px; fill: #59636e; text-anchor: middle; }
.in { font-size: 12px; font-weight: 600; text-anchor: middle; }
.number { text-anchor: end; font-variant-numeric: tabular-nums; }
.ground { fill: #ffffff; stroke: #d1d9e0; }
.line { stroke: #c4ccd4; }
.zoom { fill: #818b98; opacity: 0.16; }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3; }
  .quiet, .tick { fill: #9198a1; }
  .ground { fill: #0d1117; stroke: #3d444d; }
  .line { stroke: #3d444d; }
  .zoom { opacity: 0.28; }
}
"""


def picture(cold: Mapping[str, float], warm: Mapping[str, float]) -> str:
    """Return the picture of a cold and of a warm grading: seconds by stage."""
    slow, fast = sum(cold.values()), sum(warm.values())
    times = f"A cold grading takes {slow:.2f} s, a warm one {fast:.3f} s."
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" role="img" aria-labelledby="title desc">',
        '<title id="title">Where the time of a grading goes</title>',
        f'<desc id="desc">{escape(times + " " + _in_words(cold, warm))}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="ground" x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="8"/>',
        _text(LEFT, 38, "Where the time of a grading goes", "title"),
        _text(LEFT, 60, "Challenge 04, the worked solution, all walls up; seconds", "quiet"),
        *_named(LEFT, COLD_Y - 10, "cold", f"{slow:.2f} s, from the command to its end"),
        *_bar(cold, COLD_Y, BAR, slow),
        *_axis(COLD_Y + BAR, slow),
        *_zoom(fast / slow),
        *_bar(warm, STRIP_Y, 10, slow, numbers=False),
        *_named(
            LEFT + fast / slow * SPAN + 12,
            STRIP_Y + 10,
            "warm",
            f"{fast:.3f} s, on the same scale, and below {slow / fast:.1f} times as wide",
        ),
        *_bar(warm, WARM_Y, BAR, fast),
        *_axis(WARM_Y + BAR, fast),
        *_legend(cold, warm),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _in_words(cold: Mapping[str, float], warm: Mapping[str, float]) -> str:
    pairs = [
        f"{stage.words}: {_seconds(cold, name)} cold, {_seconds(warm, name)} warm"
        for name, stage in STAGES.items()
    ]
    return "; ".join(pairs) + "."


def _seconds(stages: Mapping[str, float], name: str) -> str:
    return f"{stages[name]:.3f}" if name in stages else "–"


def _text(x: float, y: float, words: str, kind: str, more: str = "") -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}"{more}>{escape(words)}</text>'


def _named(x: float, y: float, name: str, words: str) -> Iterator[str]:
    yield _text(x, y, name, "name")
    yield _text(x + 46, y, words, "quiet")


def _bar(
    stages: Mapping[str, float], y: float, height: float, whole: float, numbers: bool = True
) -> Iterator[str]:
    """Yield a bar; a stage has its number inside where there is room for it."""
    x = float(LEFT)
    for name, stage in STAGES.items():
        width = stages.get(name, 0.0) / whole * SPAN
        # A hair of ground between two stages, where they are wide enough to lose it.
        shown = width - 1 if width > 3 else width
        if width > 0:
            yield (
                f'<rect x="{x:.2f}" y="{y}" width="{shown:.2f}" height="{height}" fill="{stage.fill}">'
                f"<title>{escape(stage.words)}: {stages[name]:.3f} s</title></rect>"
            )
        words = f"{stages.get(name, 0.0):.{2 if whole >= 1 else 3}f}"
        if numbers and shown > 8 * len(words):
            style = f' style="fill: {stage.ink}"'
            yield _text(x + shown / 2, y + height / 2 + 4.5, words, "in", style)
        x += width


def _axis(y: float, whole: float) -> Iterator[str]:
    """Yield ticks at round numbers, six of them at most."""
    step = next(
        size * 10**power
        for power in range(-4, 4)
        for size in (1, 2, 5)
        if whole / (size * 10**power) <= 6
    )
    places = max(0, math.ceil(-math.log10(step) - 1e-9))
    for number in range(int(whole / step) + 1):
        x = LEFT + number * step / whole * SPAN
        yield f'<line class="line" x1="{x:.1f}" y1="{y + 3}" x2="{x:.1f}" y2="{y + 8}"/>'
        yield _text(x, y + 20, f"{number * step:.{places}f}", "tick")


def _zoom(share: float) -> Iterator[str]:
    """Yield what leads from the warm bar in the cold one's scale to the magnified one."""
    bottom, right = STRIP_Y + 10, LEFT + share * SPAN
    points = [(LEFT, bottom), (right, bottom), (WIDTH - RIGHT, WARM_Y), (LEFT, WARM_Y)]
    yield f'<polygon class="zoom" points="{" ".join(f"{x:.1f},{y}" for x, y in points)}"/>'


def _legend(cold: Mapping[str, float], warm: Mapping[str, float]) -> Iterator[str]:
    """Yield the stages with their seconds, and their shares of the whole."""
    columns = ((cold, 500.0, 580.0), (warm, 732.0, float(WIDTH - RIGHT)))
    bottom = LEGEND_Y + STEP * (len(STAGES) + 1)
    line = f'<line class="line" x1="{LEFT}" x2="{WIDTH - RIGHT}"'
    for number, (name, stage) in enumerate(STAGES.items(), 1):
        y = LEGEND_Y + STEP * number
        yield f'<rect x="{LEFT}" y="{y - 11}" width="13" height="13" rx="2" fill="{stage.fill}"/>'
        yield _text(LEFT + 24, y, stage.words, "stage")
        for stages, x, share in columns:
            yield _text(x, y, _seconds(stages, name), "number")
            if name in stages:
                yield _text(share, y, f"{stages[name] / sum(stages.values()):.0%}", "number quiet")
    yield f'{line} y1="{bottom - 17}" y2="{bottom - 17}"/>'
    yield _text(LEFT + 24, bottom, "whole", "name")
    for title, (stages, x, _) in zip(("cold", "warm"), columns, strict=True):
        yield _text(x, LEGEND_Y, title, "name number")
        yield _text(x, bottom, f"{sum(stages.values()):.3f}", "name number")
