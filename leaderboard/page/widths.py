"""How wide a name will be, without a font: an estimate in ems, and names shortened by it.

A drawing cannot wrap or cut its words, and which font the reader's system has is not known here. The
widths are those of a bold Arial, whose letters are as wide as those of its relatives.
"""

from __future__ import annotations

import unicodedata

ELLIPSIS = "…"
MARGIN = 1.03
"""By so much may a font be wider than the estimate."""
LONGEST = 200
"""No more letters than these of either end are looked at."""
TAIL = 0.42
"""The share of its end in a shortened name: teams with numbers differ there."""

_BOLD = {
    **dict.fromkeys("ijlI.,:;'|!/\\ ", 0.28),
    **dict.fromkeys('frt()[]{}-`"', 0.36),
    **dict.fromkeys("cksvxyz", 0.56),
    **dict.fromkeys("w", 0.78),
    **dict.fromkeys("mM%", 0.89),
    **dict.fromkeys("W@—…", 1.0),
    **dict.fromkeys("GOQ", 0.78),
    **dict.fromkeys("FLTZ", 0.61),
    **dict.fromkeys("EPSVXY", 0.67),
    "J": 0.56,
}


def text_width(text: str) -> float:
    """The width of a line in bold letters, in ems."""
    return sum(_letter(char) for char in text)


def shortened(name: str, room: float) -> str:
    """The name if it is at most `room` ems wide, else its start and its end around an ellipsis."""
    if len(name) <= 2 * LONGEST and text_width(name) * MARGIN <= room:
        return name
    budget = room / MARGIN - text_width(ELLIPSIS)
    tail = _start(name[: -LONGEST - 1 : -1], budget * TAIL)[::-1]
    # A mark without the letter that it stands on would settle on the ellipsis.
    while tail and _letter(tail[0]) == 0:
        tail = tail[1:]
    head = _start(name[:LONGEST], budget - text_width(tail))
    return f"{head.rstrip()}{ELLIPSIS}{tail.lstrip()}"


def _start(text: str, room: float) -> str:
    """As much of its start as is at most `room` wide."""
    for number, char in enumerate(text):
        room -= _letter(char)
        if room < 0:
            return text[:number]
    return text


def _letter(char: str) -> float:
    if (known := _BOLD.get(char)) is not None:
        return known
    kind = unicodedata.category(char)
    if kind in ("Mn", "Me", "Cf"):
        return 0.0
    if kind == "So":
        return 1.4
    if unicodedata.east_asian_width(char) in "WF":
        return 1.0
    if not char.isascii():
        # The letter without its accent, where there is one: Ö is as wide as O.
        base = unicodedata.normalize("NFD", char)[0]
        return _letter(base) if base.isascii() else 0.8
    return 0.73 if kind == "Lu" else 0.61 if kind == "Ll" else 0.56
