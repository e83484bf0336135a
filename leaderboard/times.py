"""Spans and moments as people write them: ``90s``, ``2h``, ``3d``, or a time with its zone."""

import re
from datetime import datetime, timedelta

from leaderboard.errors import EventError
from leaderboard.text import printable

_SPAN = re.compile(r"([0-9]{1,6})([smhd])")
EXAMPLE = "2026-11-28T09:00+01:00"
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def span(text: str) -> timedelta:
    """A length of time: a whole number and one of s, m, h, d. Raises `EventError`."""
    match = _SPAN.fullmatch(text)
    if match is None:
        raise EventError(printable(f"{text!r} is no span of time: write 90s, 10m, 2h or 3d."))
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def moment(text: str, now: datetime) -> datetime:
    """A span before `now`, or an ISO time with a zone. Raises `EventError`.

    A time without a zone is refused: it would mean another moment on every machine.
    """
    try:
        if _SPAN.fullmatch(text):
            return now - span(text)
        found = datetime.fromisoformat(text)
    # Overflow: longer ago than the calendar goes back.
    except (ValueError, OverflowError):
        raise EventError(
            printable(f"{text!r} is no time: write 2h, 3d, or one such as {EXAMPLE}.")
        ) from None
    if found.tzinfo is None:
        raise EventError(
            printable(f"{text!r} has no time zone: write one such as {EXAMPLE}, or with Z for UTC.")
        )
    return found
