"""Whose hand-in is graded next: team by team in turn, so that whoever floods waits behind itself.

Guests, the teams that are not on the roster, share one place: anybody can be any number of them.
"""

from __future__ import annotations

from collections import deque
from typing import Final, Generic, TypeVar

from grader.events.waiting import Arrival

# Of more than this, the rest stays where it was handed in until there is room again.
MOST_OF_A_TEAM: Final = 20
MOST_OF_GUESTS: Final = 40
# No team has this name: scores do not allow it.
GUESTS: Final = ""

T = TypeVar("T")


class _Ring(Generic[T]):
    """Names in turn, each with what waits for it in order."""

    def __init__(self) -> None:
        self._lines: dict[str, deque[T]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    def add(self, name: str, item: T) -> None:
        """Put it behind those of the same name."""
        self._lines.setdefault(name, deque()).append(item)

    def next(self) -> T:
        """Return the first of whoever has waited longest, and who stands last from now on."""
        name = next(iter(self._lines))
        line = self._lines.pop(name)
        item = line.popleft()
        if line:
            self._lines[name] = line
        return item

    def length(self, name: str) -> int:
        """How many of this name wait."""
        return len(self._lines.get(name, ()))


class Turns:
    """What waits, in memory."""

    def __init__(self) -> None:
        # For each hand-in of a guest there is a None in the ring of teams: a turn of theirs.
        self._teams: _Ring[Arrival | None] = _Ring()
        self._guests: _Ring[Arrival] = _Ring()

    def __len__(self) -> int:
        return len(self._teams)

    def add(self, arrival: Arrival, guest: bool) -> None:
        """Let a hand-in wait behind those of its team."""
        if guest:
            self._teams.add(GUESTS, None)
            self._guests.add(arrival.team, arrival)
        else:
            self._teams.add(arrival.team, arrival)

    def has_room(self, team: str, guest: bool) -> bool:
        """Whether one more of this team may wait."""
        if guest:
            return len(self._guests) < MOST_OF_GUESTS
        return self._teams.length(team) < MOST_OF_A_TEAM

    def next(self) -> Arrival | None:
        """Return the hand-in whose turn it is, None if nobody waits."""
        if not len(self._teams):
            return None
        arrival = self._teams.next()
        return self._guests.next() if arrival is None else arrival
