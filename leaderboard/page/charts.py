"""The drawings: totals over time, who led when, scores of a team, learning curves, and strips of specs.

Few lines are drawn to be followed: the first in the accent colour, the others in ink, each with dashes
of its own and its name at its end. The rest stays in the background. Every drawing comes twice, for wide
and for narrow pages, since letters must not shrink with it.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

import msgspec
from markupsafe import Markup
from msgspec import Struct

from leaderboard.page.names import MAX_NAME, label
from leaderboard.page.svg import (
    Frame,
    drawing,
    grid,
    hours_text,
    length_text,
    line,
    nice,
    nice_factors,
    number_axis,
    spread,
    time_axis,
)
from leaderboard.page.widths import MARGIN, shortened, text_width
from leaderboard.score import Score

NO_STRIP = Markup("")
FOLLOWED = 8
"""How many lines have a name and dashes of their own."""
LEADERS = 5
"""Who led is shown of so many teams: the one that leads, and those that led longest."""
MAX_POINTS = 150

WIDE = Frame(name="wide", width=1080, height=410, left=48, right=238, top=14, bottom=36, text=17)
HALF = Frame(name="wide", width=760, height=380, left=40, right=200, top=14, bottom=32, text=14)
NARROW = Frame(name="narrow", width=358, height=300, left=34, right=112, top=10, bottom=28, text=12)
NAME_GAP = 16
"""How far from the end of its line a name begins."""
STRIP_WIDTH, STRIP_HEIGHT, STRIP_GAP = 120, 12, 1.5

Draw = Callable[[Frame], list[Markup]]


class Series(Struct, frozen=True, kw_only=True):
    """A line: its name, what stands behind the name at its end, and its points in order."""

    name: str
    value: str
    points: tuple[tuple[float, float], ...]
    dots: tuple[tuple[float, float], ...] = ()


class Stint(Struct, frozen=True):
    """A team led from one moment to another."""

    name: str
    since: float
    until: float


def totals(series: Sequence[Series], x0: float, x1: float) -> Markup:
    """Totals over time, as steps; the best first."""
    # Weights may be as small as they like; the scale has an end.
    top = max(1e-200, *(y for one in series for _, y in one.points))
    desc = "Steps of points over time. " + _told(series)

    def draw(frame: Frame) -> list[Markup]:
        ticks = nice(0, top, 5)
        if ticks[-1] < top:
            ticks.append(2 * ticks[-1] - ticks[-2])
        frame = msgspec.structs.replace(frame, x0=x0, x1=x1, y1=ticks[-1])
        marks = {tick: f"{tick:g}" for tick in ticks}
        return [*grid(frame, marks), *time_axis(frame), *_lines(frame, series, steps=True)]

    return _both("totals", "Points over time", desc, draw)


def scores_over_time(series: Sequence[Series], x0: float, x1: float) -> Markup:
    """A team's attempts as dots and its best so far as steps, for each challenge."""
    desc = "The best score so far at each challenge. " + _told(series)

    def draw(frame: Frame) -> list[Markup]:
        frame = msgspec.structs.replace(frame, x0=x0, x1=x1, y1=100.0)
        return [
            *grid(frame, {tick: f"{tick}" for tick in (0, 25, 50, 75, 100)}),
            *time_axis(frame),
            *_lines(frame, series, steps=True),
        ]

    return _both("scores", "Scores over time", desc, draw, (HALF, NARROW))


def learning_curves(series: Sequence[Series]) -> Markup:
    """Losses over the seconds of training, over each other; the best first.

    What a hand-in reports can be anything. So the sides follow the middle of the field, and what lies
    beyond them runs along the edge.
    """
    ends = [x for one in series for x, _ in one.points]
    right = min(1.5 * statistics.median(one.points[-1][0] for one in series), max(ends), 1e9) or 1.0
    top = 1.1 * statistics.median(one.points[0][1] for one in series)
    top = min(max(top, 1.0), 1e9)
    least = min(max(y, top / 100) for one in series for _, y in one.points)
    low = min(least * 0.95, top / 2)

    def held(x: float, y: float) -> tuple[float, float]:
        return min(x, right), math.log(min(max(y, low), top))

    drawn = [
        msgspec.structs.replace(one, points=tuple(held(x, y) for x, y in one.points))
        for one in series
    ]
    desc = "Training loss over seconds, as the hand-ins report it. " + _told(series)

    def draw(frame: Frame) -> list[Markup]:
        frame = msgspec.structs.replace(frame, x1=right, y0=math.log(low), y1=math.log(top))
        ticks = {math.log(tick): f"{tick:g}" for tick in nice_factors(low, top)}
        axes = [*grid(frame, ticks), *number_axis(frame, "s")]
        return [*axes, *_lines(frame, drawn, steps=False)]

    return _both("curves", "Learning curves", desc, draw, (HALF, NARROW))


def leads(stints: Sequence[Stint], x0: float, x1: float) -> Markup:
    """Who led when: a row for each team, the latest first."""
    rows: dict[str, list[Stint]] = {}
    for stint in reversed(stints):
        rows.setdefault(stint.name, []).append(stint)
    now, *others = rows
    longest = sorted(others, key=lambda name: -led_for(rows[name]))[: LEADERS - 1]
    names = [now, *(name for name in others if name in longest)]
    desc = "Teams that led, the latest first: " + "; ".join(
        f"{label(name)} for {length_text(led_for(rows[name]))}" for name in names
    )

    def draw(frame: Frame) -> list[Markup]:
        frame = msgspec.structs.replace(frame, x0=x0, x1=x1)
        parts, step = time_axis(frame), _row_height(frame)
        for number, name in enumerate(names):
            parts += _lead_row(frame, rows[name], frame.top + step * number, step, number == 0)
        return parts

    frames = (_with_rows(WIDE, len(names)), _with_rows(NARROW, len(names)))
    return _both("lead", "Who led when", desc, draw, frames)


def led_for(stints: Sequence[Stint]) -> float:
    """How many seconds in all."""
    return sum(one.until - one.since for one in stints)


def strip(score: Score, width: int = STRIP_WIDTH) -> Markup:
    """A bar for each spec with points, as wide as its points: full height if it passed."""
    specs = [spec for spec in score.specs if spec.points]
    if not specs:
        return Markup("")
    passed = sum(spec.outcome == "passed" for spec in specs)
    unit = (width - STRIP_GAP * (len(specs) - 1)) / sum(spec.points for spec in specs)
    full: list[str] = []
    low: list[str] = []
    x = 0.0
    for spec in specs:
        wide = max(unit * spec.points, 0.5)
        high = STRIP_HEIGHT if spec.outcome == "passed" else 3
        bars = full if spec.outcome == "passed" else low
        bars.append(f"M{x:.1f} {STRIP_HEIGHT}v-{high}h{wide:.1f}v{high}z")
        x += wide + STRIP_GAP
    return Markup(
        '<svg class="strip" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" '
        'aria-label="{passed} of {count} specs passed" preserveAspectRatio="none">'
        '<path class="hit" d="{full}"/><path class="miss" d="{low}"/></svg>'
    ).format(
        w=width,
        h=STRIP_HEIGHT,
        passed=passed,
        count=len(specs),
        full="".join(full),
        low="".join(low),
    )


def bar(share: float, width: int = 160) -> Markup:
    """A share as a bar; the number stands beside it."""
    return Markup(
        '<svg class="bar" viewBox="0 0 {w} 10" width="{w}" height="10" aria-hidden="true">'
        '<path class="miss" d="M0 4h{w}v2H0z"/><path class="hit" d="M0 0h{x}v10H0z"/></svg>'
    ).format(w=width, x=round(width * share, 1))


def thinned(points: Sequence[tuple[float, float]]) -> tuple[tuple[float, float], ...]:
    """At most `MAX_POINTS` of them, evenly, with the first and the last."""
    if len(points) <= MAX_POINTS:
        return tuple(points)
    last = len(points) - 1
    return tuple(points[round(one * last / (MAX_POINTS - 1))] for one in range(MAX_POINTS))


def _both(
    key: str, title: str, desc: str, draw: Draw, frames: Sequence[Frame] = (WIDE, NARROW)
) -> Markup:
    return Markup("").join(drawing(frame, key, title, desc, draw(frame)) for frame in frames)


def _row_height(frame: Frame) -> float:
    return frame.text * 1.55


def _with_rows(frame: Frame, rows: int) -> Frame:
    high = round(frame.top + _row_height(frame) * rows + frame.bottom)
    return msgspec.structs.replace(frame, height=high)


def _told(series: Sequence[Series]) -> str:
    ends = "; ".join(f"{label(one.name)} {one.value}" for one in series[:FOLLOWED])
    rest = f"; and {len(series) - FOLLOWED} more in the table" if len(series) > FOLLOWED else ""
    return f"At the end: {ends}{rest}."


def _lines(frame: Frame, series: Sequence[Series], steps: bool) -> list[Markup]:
    """The background first, the best last and on top, and the names at the ends."""
    parts = [_path(frame, one, "rest", steps) for one in series[FOLLOWED:]]
    followed = series[:FOLLOWED]
    for number in reversed(range(len(followed))):
        one = followed[number]
        parts.append(_path(frame, one, f"line l{number}", steps))
        parts += [_dot(frame, point, number) for point in one.dots]
    ends = [frame.y(one.points[-1][1]) for one in followed]
    places = spread(ends, frame.text * 1.2, frame.text * 0.5, frame.height - frame.bottom)
    for number, (one, place) in enumerate(zip(followed, places, strict=True)):
        parts += _end(frame, one, number, ends[number], place)
    return parts


def _end(frame: Frame, one: Series, number: int, end: float, place: float) -> list[Markup]:
    x = frame.x(one.points[-1][0])
    lead = Markup('<path class="thread" d="M{:.1f} {}L{} {}L{} {}"/>').format(
        x + 3, end, frame.end + 6, round(place, 1), frame.end + 12, round(place, 1)
    )
    return [lead, _named(frame, one.name, one.value, place, f"n{number}")]


def _named(frame: Frame, name: str, value: str, middle: float, kind: str) -> Markup:
    """A name beside its number at the right of a drawing, of which neither runs off the edge."""
    room = (frame.right - NAME_GAP) / frame.text - text_width(f" {value}") * MARGIN
    text = shortened(label(name, MAX_NAME), max(room, 3.0))
    return Markup(
        '<text x="{}" y="{}" class="name {}">{} <tspan class="value">{}</tspan></text>'
    ).format(
        frame.end + NAME_GAP, round(middle + frame.text * 0.35, 1), kind, _isolated(text), value
    )


def _isolated(text: str) -> str:
    """With the marks around it that keep a right-to-left name from turning its neighbours around."""
    return text if text.isascii() else f"\u2068{text}\u2069"


def _path(frame: Frame, one: Series, kind: str, steps: bool) -> Markup:
    (x, y), *rest = one.points
    path = [f"M{frame.x(x)} {frame.y(y)}"]
    for x, y in rest:
        path.append(f"H{frame.x(x)}V{frame.y(y)}" if steps else f"L{frame.x(x)} {frame.y(y)}")
    return Markup('<path class="{}" d="{}"/>').format(kind, "".join(path))


def _dot(frame: Frame, point: tuple[float, float], number: int) -> Markup:
    x, y = point
    return Markup('<circle class="dot d{}" cx="{}" cy="{}" r="{}"/>').format(
        number, frame.x(x), frame.y(y), frame.text / 4
    )


def _lead_row(
    frame: Frame, stints: Sequence[Stint], top: float, step: float, first: bool
) -> list[Markup]:
    kind, middle = ("now" if first else "then"), top + step / 2
    parts = [line(frame.left, round(middle, 1), frame.end, round(middle, 1), "grid")]
    for one in stints:
        x = frame.x(one.since)
        wide = max(frame.x(one.until) - x, 2)
        parts.append(
            Markup('<path class="{}" d="M{} {}h{:.1f}v{:.1f}h-{:.1f}z"/>').format(
                kind, x, round(top + 3, 1), wide, step - 6, wide
            )
        )
    led = hours_text(led_for(stints))
    parts.append(_named(frame, stints[0].name, led, middle, "n0" if first else "n1"))
    return parts
