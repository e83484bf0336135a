"""Teams by the names of their folders and branches.

A team's own name may hold what no folder or branch can be called, so each has a handle: its name with a
dash for whatever is neither letter, digit, dot, dash nor underscore.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable

from leaderboard.store import folder_name

_OTHERS = re.compile(r"[^\w.-]+|_{3,}")
_BAD_IN_REFS = re.compile(r"^[.-]|\.\.|\.$|\.lock$", re.IGNORECASE)
MAX_BYTES = 100


def handle(team: str) -> str:
    """Return what folder and branch of a team are called: a name that git and every system take."""
    short = _OTHERS.sub("-", unicodedata.normalize("NFC", team)).strip("-")
    plain = short and len(short.encode()) <= MAX_BYTES and not _BAD_IN_REFS.search(short)
    # What Windows keeps for devices, `folder_name` changes.
    if plain and (not short.isascii() or folder_name(short) == short):
        return short
    return re.sub("[%.]", "-", folder_name(team)).strip("-") or "team"


class Roster:
    """The teams of an event. Without any, whoever hands in is a team."""

    def __init__(self, teams: Iterable[str]) -> None:
        self.handles = {team: handle(team) for team in teams}
        self._named: dict[str, str] = {}
        for team, short in self.handles.items():
            self._named.setdefault(short, team)
        self._named |= {team: team for team in self.handles}

    def team(self, name: str) -> str:
        """Return the team of a folder or branch: one of the roster, else a guest of that name."""
        return self._named.get(name, name)

    def lists(self, team: str) -> bool:
        """Whether it is no guest."""
        return not self.handles or team in self.handles

    def clashes(self) -> list[list[str]]:
        """Return teams that would share a folder, on a system that ignores case too."""
        groups: dict[str, list[str]] = defaultdict(list)
        for team, short in self.handles.items():
            groups[short.casefold()].append(team)
        return [group for group in groups.values() if len(group) > 1]
