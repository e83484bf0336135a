"""The shared folder: `inbox/TEAM/FILE`, looked at again and again.

Whoever may write there may do anything there: leave files half-written, replace them while they are read,
put links, pipes and a million files in. So a file is taken when it has not changed for a while, opened
without following links, and only so many names are looked at.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
import time
from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from grader.archives import is_archive
from grader.errors import HandInError
from grader.events.clock import Clock
from grader.submission import MAX_BYTES

MOST_TEAMS: Final = 1000
MOST_FILES: Final = 200
# Of several hand-ins, packed.
MAX_ARCHIVE: Final = 8 * MAX_BYTES
IGNORED: Final = {".md", ".txt", ".toml", ".csv", ".log", ".pdf", ".part", ".tmp", ".crdownload"}


class Dropped(msgspec.Struct, frozen=True):
    """A file in a team's folder that has settled. `arrived`: when this version was first seen; `early`:
    before the run began."""

    team: str
    """The name of the folder."""
    name: str
    arrived: datetime
    early: bool

    @property
    def shown(self) -> str:
        """Where it lies, for people."""
        return f"inbox/{self.team}/{self.name}"


class _Version:
    """What was seen of a file."""

    def __init__(
        self, signature: tuple[int, ...], arrived: datetime, since: float, early: bool
    ) -> None:
        self.signature = signature
        self.arrived = arrived
        self.early = early
        self.since = since
        self.taken = False


class Inbox:
    """What lies in the shared folder, and what of it was taken."""

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        quiet_s: float,
        say: Callable[[str], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._quiet_s = quiet_s
        self._say = say
        self._monotonic = monotonic
        self._seen: dict[tuple[str, str], _Version] = {}
        self._told: set[str] = set()
        self._first = True

    def look(self, first: Collection[str] = ()) -> list[Dropped]:
        """Return what has settled and was not taken, in the order of arrival.

        `first`: folders that are looked at however many others there are.
        """
        now = self._monotonic()
        before, self._seen = self._seen, {}
        for place, status in sorted(self._files(first), key=lambda found: found[1].st_ctime_ns):
            version, signature = before.get(place), _signature(status)
            if version is None or version.signature != signature:
                version = _Version(signature, self._stamp(place, status), now, self._first)
            self._seen[place] = version
        self._first = False
        settled = [
            Dropped(*place, version.arrived, version.early)
            for place, version in self._seen.items()
            if not version.taken and now - version.since >= self._quiet_s
        ]
        return sorted(settled, key=lambda one: one.arrived)

    def restless(self, before: datetime | None = None) -> bool:
        """Whether there is anything that has not been taken yet, and came before a moment."""
        return any(
            not version.taken and (before is None or version.arrived < before)
            for version in self._seen.values()
        )

    def took(self, dropped: Dropped) -> None:
        """Take note that this version is done with."""
        version = self._seen.get((dropped.team, dropped.name))
        if version is not None and version.arrived == dropped.arrived:
            version.taken = True

    def read(self, dropped: Dropped) -> bytes:
        """Return the bytes of a file, and one more than is allowed of one that is too large.

        Raises HandInError for what is no plain file, FileNotFoundError where it has gone, and OSError.
        """
        most = MAX_ARCHIVE if is_archive(Path(dropped.name)) else MAX_BYTES
        if os.open not in os.supports_dir_fd:
            # Windows: there, too, nobody makes a pipe or a link in a folder without being somebody.
            path = self._folder / dropped.team / dropped.name
            _check_kind(dropped.name, path.lstat())
            with path.open("rb") as file:
                return file.read(most + 1)
        # By the folder's descriptor: its name may come to mean another folder at any time.
        with _opened(self._folder / dropped.team, os.O_RDONLY | _DIRECTORY) as folder:
            return _read_in(folder, dropped.name, most)

    def waiting(self) -> dict[str, datetime]:
        """Return what was seen and not taken, by names that hold for the next run too."""
        return {
            _known_as(place, version.signature): version.arrived
            for place, version in self._seen.items()
            if not version.taken
        }

    def _stamp(self, place: tuple[str, str], status: os.stat_result) -> datetime:
        if not self._first:
            return self._clock.now()
        return self._clock.came_in_a_pause(_known_as(place, _signature(status)), status)

    def _files(self, first: Collection[str]) -> Iterator[tuple[tuple[str, str], os.stat_result]]:
        for team in self._teams(first):
            for entry in self._entries(self._folder / team, MOST_FILES):
                with contextlib.suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    if self._is_hand_in(f"inbox/{team}/{entry.name}", entry.name, status):
                        yield (team, entry.name), status

    def _teams(self, first: Collection[str]) -> Iterator[str]:
        for name in first:
            path = self._folder / name
            if path.is_dir() and not path.is_symlink():
                yield name
        for entry in self._entries(self._folder, MOST_TEAMS):
            if not entry.is_dir(follow_symlinks=False):
                self._tell_once(f"inbox/{entry.name}: it lies in no team's folder.")
            elif entry.name not in first:
                yield entry.name

    def _is_hand_in(self, shown: str, name: str, status: os.stat_result) -> bool:
        if stat.S_ISDIR(status.st_mode):
            self._tell_once(f"{shown}: a folder is not taken. Hand in a file, or a zip of it.")
            return False
        return Path(name).suffix.lower() not in IGNORED

    def _entries(self, folder: Path, most: int) -> list[os.DirEntry[str]]:
        """The visible entries of a folder, so many at most."""
        try:
            with os.scandir(folder) as entries:
                found = list(itertools.islice(entries, most + 1))
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                self._tell_once(f"{folder} cannot be read: {error.strerror}.")
            return []
        if len(found) > most:
            self._tell_once(f"{folder} holds more than {most} names. Only so many are looked at.")
        return [entry for entry in found[:most] if not entry.name.startswith(".")]

    def _tell_once(self, text: str) -> None:
        if text not in self._told and len(self._told) < MOST_TEAMS:
            self._told.add(text)
            self._say(text)


_DIRECTORY: Final = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
_CAREFUL: Final = (
    getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
)


def _read_in(folder: int, name: str, most: int) -> bytes:
    # First without opening it: some devices do something when they are opened.
    _check_kind(name, os.stat(name, dir_fd=folder, follow_symlinks=False))
    with _opened(name, os.O_RDONLY | _CAREFUL, folder) as descriptor:
        _check_kind(name, os.fstat(descriptor))
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(most + 1)


@contextlib.contextmanager
def _opened(path: Path | str, flags: int, folder: int | None = None) -> Iterator[int]:
    descriptor = os.open(path, flags | getattr(os, "O_CLOEXEC", 0), dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _check_kind(name: str, status: os.stat_result) -> None:
    if stat.S_ISLNK(status.st_mode):
        raise HandInError(f"{name} is a symbolic link. Hand in the file that it points to.")
    if not stat.S_ISREG(status.st_mode):
        raise HandInError(f"{name} is not a regular file. Hand in a Python file.")


def _known_as(place: tuple[str, str], signature: tuple[int, ...]) -> str:
    return ascii((*place, *signature))


def _signature(status: os.stat_result) -> tuple[int, ...]:
    return (
        status.st_mode,
        status.st_dev,
        status.st_ino,
        status.st_size,
        status.st_mtime_ns,
        status.st_ctime_ns,
    )
