"""An event: which challenges count and how much, who takes part, from when to when, how often.

Written as ``leaderboard.toml`` and read into frozen records. Nothing of it changes a score: it
decides which attempts count, from the time that each record itself holds.
"""

import difflib
import stat
import tomllib
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from leaderboard.errors import EventError, SigningError
from leaderboard.score import Name, Timestamp
from leaderboard.signing import check_public
from leaderboard.store import EVENT_FILE
from leaderboard.text import printable
from leaderboard.times import span

MAX_BYTES = 1024 * 1024
HEAVIEST = 1_000_000


class Entry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A challenge of the event; its points count `weight` times in the overall standings."""

    id: Name
    weight: Annotated[float, Meta(gt=0)] = 1.0

    def __post_init__(self) -> None:
        # A total must be a number that can be shown. The comparison fails for NaN as well.
        if not self.weight <= HEAVIEST:
            raise ValueError(f"the weight is no number up to {HEAVIEST}")


class Team(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A team of the roster; its members are for people, and decide nothing."""

    name: Name
    members: tuple[Name, ...] = ()


class Event(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the file says. An event without any of it lets every attempt count.

    No challenges: all that have scores, each with weight 1. No teams: whoever hands in.
    `attempts` and `cooldown` are for each team and challenge.
    """

    title: str = ""
    challenges: tuple[Entry, ...] = ()
    teams: tuple[Team, ...] = ()
    opens: Timestamp | None = None
    closes: Timestamp | None = None
    attempts: Annotated[int, Meta(ge=1)] | None = None
    cooldown: str = "0s"
    count: Literal["best", "last"] = "best"
    ranks: Literal["competition", "dense"] = "competition"
    private: bool = False
    """Whether what private specs say is kept back; see leaderboard.reveal."""

    keys: tuple[str, ...] = ()
    """Public keys of the machines that grade. With any, only what one of them has signed may count."""

    def __post_init__(self) -> None:
        for key in self.keys:
            try:
                check_public(key)
            except SigningError as error:
                raise ValueError(f"keys: {error}") from None
        _refuse_twice("challenge", [entry.id for entry in self.challenges])
        _refuse_twice("team", [team.name for team in self.teams])
        try:
            span(self.cooldown)
        except EventError as error:
            raise ValueError(f"cooldown: {error}") from None
        if self.opens and self.closes and self.opens >= self.closes:
            raise ValueError("closes: it closes before it opens")

    @property
    def pause(self) -> timedelta:
        """The cool-down: how long after one counted attempt the next may come."""
        return span(self.cooldown)

    def includes(self, challenge_id: str) -> bool:
        """Whether the challenge belongs to the event."""
        return not self.challenges or any(one.id == challenge_id for one in self.challenges)

    def lists(self, team: str) -> bool:
        """Whether the team is on the roster; without a roster every team is."""
        return not self.teams or any(one.name == team for one in self.teams)


def load_event(path: Path) -> Event:
    """Read an event file.

    Raises `EventError`, which names the file and the key, and keys that were perhaps meant.
    """
    try:
        return _parsed(_read(path))
    except OSError as error:
        reason = error.strerror or str(error)
    # Recursion: brackets without end. Overflow: a time at the edge of the calendar.
    except (ValueError, OverflowError, RecursionError, EventError) as error:
        reason = str(error)
    raise EventError(printable(f"{path}: {reason}"))


def _read(path: Path) -> str:
    # A pipe would never end, so look before opening.
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise EventError("not a plain file")
    if status.st_size > MAX_BYTES:
        raise EventError(f"larger than {MAX_BYTES // 2**20} MiB, so no event file")
    return path.read_bytes().decode()


def _parsed(text: str) -> Event:
    table = tomllib.loads(text)
    _check_keys(table, Event, "")
    for name, kind in (("challenges", Entry), ("teams", Team)):
        entries = table.get(name)
        for number, entry in enumerate(entries if isinstance(entries, list) else ()):
            _check_keys(entry, kind, f"{name}[{number}].")
    for name in ("opens", "closes"):
        value = table.get(name)
        if isinstance(value, datetime) and value.tzinfo is None:
            raise EventError(
                f"{name}: {value.isoformat()} has no time zone: add Z for UTC, or an offset "
                "such as +01:00"
            )
    try:
        return msgspec.convert(table, Event)
    except msgspec.ValidationError as error:
        reason, found, place = str(error).partition(" - at `$.")
        raise EventError(f"{place.removesuffix('`')}: {reason}" if found else reason) from None


def _check_keys(table: Any, kind: type[Struct], place: str) -> None:
    known = kind.__struct_fields__
    for key in table if isinstance(table, dict) else ():
        if key not in known:
            near = difflib.get_close_matches(key, known, n=3)
            hint = f"did you mean {', '.join(near)}?" if near else f"known: {', '.join(known)}"
            raise EventError(f"{place}{key}: unknown key; {hint}")


def _refuse_twice(kind: str, names: list[str]) -> None:
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise ValueError(f"{kind}s: the {kind} {twice[0]!r} is there twice")


NO_EVENT = Event()


def event_files(store: Path, told: Path | None = None) -> list[Path]:
    """Where the event may be: in the file that was told, else in the store or the current folder."""
    return [told] if told is not None else [store / EVENT_FILE, Path(EVENT_FILE)]


def event_of(store: Path, told: Path | None = None) -> Event:
    """The event in the file that was told, else in the store, else in the current folder, else none."""
    for found in event_files(store, told):
        if told is not None or found.is_file():
            return load_event(found)
    return NO_EVENT
