"""Pieces of a drawing: a frame with its scales, axes, and labels that keep out of each other's way.

Presentation is left to classes, because a page with a strict policy for its contents takes no inline
styles. Whatever text goes in is escaped by `Markup.format`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from markupsafe import Markup
from msgspec import Struct

from leaderboard.score import rfc3339

# Where a tick of an axis of time may stand, in seconds apart.
_LAST = datetime.max.replace(tzinfo=UTC).timestamp() - 1
_SPANS = (60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)


class Frame(Struct, frozen=True, kw_only=True):
    """A drawing's size and margins, and what its sides stand for."""

    name: str
    """A class: ``wide`` or ``narrow``."""
    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    text: int
    """The size of its letters."""
    x0: float = 0.0
    x1: float = 1.0
    y0: float = 0.0
    y1: float = 1.0

    def x(self, value: float) -> float:
        """Across: from `left` for x0 to `right` before the edge for x1."""
        inner = self.width - self.left - self.right
        # The share first, for the product of a very large number with the size would be infinite.
        return round(self.left + inner * ((value - self.x0) / (self.x1 - self.x0)), 1)

    def y(self, value: float) -> float:
        """Down: from `top` for y1 to `bottom` before the edge for y0."""
        inner = self.height - self.top - self.bottom
        return round(self.top + inner * ((self.y1 - value) / (self.y1 - self.y0)), 1)

    @property
    def end(self) -> int:
        """Where the inner part ends on the right."""
        return self.width - self.right


def drawing(frame: Frame, key: str, title: str, desc: str, parts: Iterable[Markup]) -> Markup:
    """A whole drawing; `title` and `desc` are its alternative in words."""
    key = f"{key}-{frame.name}"
    return Markup(
        '<svg class="figure {name}" viewBox="0 0 {w} {h}" role="img" font-size="{text}" '
        'aria-labelledby="{key}-t {key}-d"><title id="{key}-t">{title}</title>'
        '<desc id="{key}-d">{desc}</desc>{parts}</svg>'
    ).format(
        name=frame.name,
        w=frame.width,
        h=frame.height,
        text=frame.text,
        key=key,
        title=title,
        desc=desc,
        parts=Markup("").join(parts),
    )


def words(x: float, y: float, text: str, kind: str, anchor: str = "start") -> Markup:
    """A line of text; a right-to-left name in it does not turn the rest around."""
    return Markup('<text x="{}" y="{}" class="{}" text-anchor="{}">{}</text>').format(
        x, round(y, 1), kind, anchor, text
    )


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> Markup:
    """A straight line."""
    return Markup('<path class="{}" d="M{} {}L{} {}"/>').format(kind, x1, y1, x2, y2)


def time_axis(frame: Frame) -> list[Markup]:
    """Hours and minutes under the frame, days where it spans several; x is seconds since 1970."""
    room = (frame.end - frame.left) / (frame.text * 6)
    length = frame.x1 - frame.x0
    step = next(
        (one for one in _SPANS if length / one <= room), 86400 * math.ceil(length / 86400 / room)
    )
    base, parts = frame.height - frame.bottom, []
    tick = math.ceil(frame.x0 / step) * step
    while tick <= min(frame.x1, _LAST):
        moment = moment_at(tick)
        text = f"{moment:%d %b}" if step >= 86400 else f"{moment:%H:%M}"
        stamp = Markup(' data-clock="{}"').format(rfc3339(moment)) if step < 86400 else Markup("")
        parts.append(line(frame.x(tick), base, frame.x(tick), base + 6, "axis"))
        parts.append(
            Markup('<text x="{}" y="{}" class="tick" text-anchor="middle"{}>{}</text>').format(
                frame.x(tick), base + 8 + frame.text, stamp, text
            )
        )
        tick += step
    return [line(frame.left, base, frame.end, base, "axis"), *parts]


def number_axis(frame: Frame, unit: str) -> list[Markup]:
    """Numbers under the frame, the last of them with their unit."""
    base = frame.height - frame.bottom
    ticks = nice(frame.x0, frame.x1, 6)
    parts = [line(frame.left, base, frame.end, base, "axis")]
    for tick in ticks:
        text = f"{tick:g} {unit}" if tick == ticks[-1] else f"{tick:g}"
        parts.append(line(frame.x(tick), base, frame.x(tick), base + 6, "axis"))
        parts.append(words(frame.x(tick), base + 8 + frame.text, text, "tick", "middle"))
    return parts


def grid(frame: Frame, ticks: Mapping[float, str]) -> list[Markup]:
    """Hairlines across, each with its words at the left."""
    parts = []
    for tick, text in ticks.items():
        y = frame.y(tick)
        parts.append(line(frame.left, y, frame.end, y, "grid"))
        parts.append(words(frame.left - 8, y + frame.text * 0.35, text, "tick", "end"))
    return parts


def nice(low: float, high: float, count: int) -> list[float]:
    """Round numbers from `low` to `high`, at most about so many."""
    rough = max(high - low, 1e-200) / count
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= rough)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [step * number for number in range(first, last + 1)]


def nice_factors(low: float, high: float) -> list[float]:
    """Round numbers from `low` to `high`, about as far apart on a logarithmic scale."""
    steps = (1, 1.5, 2, 3, 4, 6, 8) if high / low < 20 else (1, 3)
    powers = range(math.floor(math.log10(low)), math.floor(math.log10(high)) + 1)
    # By text, for 3 * 10**-1 is not 0.3.
    found = [float(f"{step}e{power}") for power in powers for step in steps]
    return [one for one in found if low <= one <= high]


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """The nearest places to those wanted that are `gap` apart and within the bounds, in their order."""
    order = sorted(range(len(wanted)), key=lambda one: wanted[one])
    places = [0.0] * len(wanted)
    floor = low
    for one in order:
        places[one] = floor = max(wanted[one], floor)
        floor += gap
    ceiling = high
    for one in reversed(order):
        places[one] = ceiling = min(places[one], ceiling)
        ceiling -= gap
    return places


def moment_at(seconds: float) -> datetime:
    """The time so many seconds after 1970, which rounding may have put behind the last there is."""
    return datetime.fromtimestamp(min(seconds, _LAST), UTC)


def hours_text(seconds: float) -> str:
    """A span as hours and minutes: ``2:14``."""
    minutes = int(seconds) // 60
    return f"{minutes // 60}:{minutes % 60:02}"


def length_text(seconds: float) -> str:
    """A span in words: ``2 d 3 h``, ``2 h 14 min``, ``14 min``."""
    minutes = int(seconds) // 60
    days, hours = minutes // 1440, minutes // 60 % 24
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"
