"""The bare repository: each branch is a team's, and each new tip of one is an arrival.

What was pushed is read from git's objects and never checked out. A hand-in is a file at the top of the
commit with the name of a stub, such as `04_causal_attention.py`.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from grader import submission as submissions
from grader.challenge import Challenge
from grader.errors import HandInError, ObjectTooLargeError, RepositoryError
from grader.events.clock import Clock
from grader.git_objects import Repository
from grader.submission import MAX_BYTES, Submission

MOST_BRANCHES: Final = 1000
REST_S: Final = 10.0


class Pushed(msgspec.Struct, frozen=True):
    """A tip of a branch. `arrived`: when it was first seen; `early`: before the run began."""

    team: str
    """The name of the branch."""
    commit: str
    arrived: datetime
    early: bool

    @property
    def shown(self) -> str:
        """What it is, for people."""
        return f"push {self.commit[:10]} of {self.team}"


class Pushes:
    """The branches of the repository, and which of their tips were taken."""

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
        # As long as for files: of the same bytes handed in both ways, the first to come is taken first.
        self._quiet_s = quiet_s
        self._say = say
        self._monotonic = monotonic
        self._seen: dict[str, Pushed] = {}
        self._since: dict[Pushed, float] = {}
        self._taken: set[Pushed] = set()
        self._told = ""
        self._not_before = 0.0
        self._first = True

    def look(self, first: Collection[str] = ()) -> list[Pushed]:
        """Return the tips that have settled and were not taken, in the order of arrival.

        `first`: branches that are looked at however many others there are.
        """
        if not self._folder.is_dir() or self._monotonic() < self._not_before:
            return []
        try:
            tips = Repository(self._folder).branches()
        except RepositoryError as error:
            # Git may have been kept waiting, and everybody with it.
            self._not_before = self._monotonic() + REST_S
            self._tell(str(error))
            return []
        if len(tips) > MOST_BRANCHES:
            self._tell(f"More than {MOST_BRANCHES} branches; only so many are looked at.")
        before, self._seen = self._seen, {}
        ordered = sorted(tips.items(), key=lambda tip: (tip[0] not in first, tip))
        for branch, commit in ordered[: MOST_BRANCHES + len(first)]:
            known = before.get(branch)
            if known is None or known.commit != commit:
                known = Pushed(branch, commit, self._stamp(branch, commit), self._first)
            self._seen[branch] = known
        self._first = False
        self._taken &= set(self._seen.values())
        now = self._monotonic()
        self._since = {one: self._since.get(one, now) for one in self._seen.values()}
        settled = {one for one, since in self._since.items() if now - since >= self._quiet_s}
        return sorted(settled - self._taken, key=lambda one: one.arrived)

    def restless(self, before: datetime | None = None) -> bool:
        """Whether there is a tip that has not been taken yet, and came before a moment."""
        left = set(self._seen.values()) - self._taken
        return any(before is None or one.arrived < before for one in left)

    def took(self, pushed: Pushed) -> None:
        """Take note that a tip is done with."""
        self._taken.add(pushed)

    def read(
        self, pushed: Pushed, challenges: Iterable[Challenge]
    ) -> Iterator[tuple[Challenge, Submission | HandInError]]:
        """Yield the hand-ins in a tip; raises RepositoryError."""
        repository = Repository(self._folder)
        for one in challenges:
            name = one.file_name
            entry = repository.entry(pushed.commit, name.encode())
            if entry is None:
                continue
            try:
                if entry.kind != "file":
                    raise HandInError(f"{name} is not a regular file. Push a Python file.")
                data = repository.read(entry.blob, MAX_BYTES)
                yield one, submissions.of_bytes(name, data)
            except ObjectTooLargeError:
                size = MAX_BYTES >> 20
                text = f"{name} is larger than {size} MiB. Hand in source code without data."
                yield one, HandInError(text)
            except HandInError as error:
                yield one, error

    def waiting(self) -> dict[str, datetime]:
        """Return what was seen and not taken, by names that hold for the next run too."""
        left = set(self._seen.values()) - self._taken
        return {ascii((one.team, one.commit)): one.arrived for one in left}

    def _stamp(self, branch: str, commit: str) -> datetime:
        if not self._first:
            return self._clock.now()
        status = None
        with contextlib.suppress(OSError, ValueError):
            # Not there once git has packed it.
            status = (self._folder / "refs" / "heads" / branch).lstat()
        return self._clock.came_in_a_pause(ascii((branch, commit)), status)

    def _tell(self, text: str) -> None:
        if text != self._told:
            self._told = text
            self._say(text)
