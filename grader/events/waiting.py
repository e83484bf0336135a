"""The queue on disk: what was handed in and has no score yet, one file for each hand-in.

A file is written under a hidden name, synced and renamed, and moved to `graded/` after its score has been
stored. So whatever moment a run ends at, a hand-in is in one of three states: only where it was handed in,
where it is found again; in the queue; or with a score, whose id follows from challenge, time and bytes.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, TypeAlias

import msgspec

from grader.errors import GraderFault
from grader.submission import EMPTY_SHA256, Submission
from leaderboard.score import Score, score_id, time_stamp
from leaderboard.store import sync_folder

SUFFIX: Final = ".hand-in"

Key: TypeAlias = tuple[str, str, str, str]


class Arrival(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A hand-in that has arrived. `problem`: why it cannot be graded, empty if it can."""

    schema: Literal[1]
    team: str
    challenge: str
    arrived: datetime
    source: str
    submission: Submission
    problem: str = ""

    @property
    def key(self) -> Key:
        """What makes it the same hand-in as another."""
        return key_of(self.team, self.challenge, self.submission.sha256, self.problem)

    @property
    def id(self) -> str:
        """The id of its score."""
        return score_id(self.challenge, self.arrived, self.submission.sha256)

    @property
    def file_name(self) -> str:
        """A name that no other hand-in has; names sort by time."""
        digest = hashlib.sha256(repr((self.key, self.id)).encode()).hexdigest()
        return f"{time_stamp(self.arrived)}-{digest[:24]}{SUFFIX}"


def key_of(team: str, challenge: str, sha256: str, problem: str) -> Key:
    """Return what makes hand-ins the same: their bytes, or why there are none."""
    return team, challenge, sha256, problem if sha256 == EMPTY_SHA256 else ""


def key_of_score(score: Score) -> Key:
    """Return the key of the hand-in that a score is of."""
    return key_of(score.team, score.challenge.id, score.submission.sha256, score.message)


class Queue:
    """The folder of the queue, and that of what has left it. One process at a time writes them."""

    def __init__(self, folder: Path, graded: Path) -> None:
        self._folder = folder
        self._graded = graded

    def add(self, arrival: Arrival) -> None:
        """Keep a hand-in durably; raises OSError, and then it is not kept."""
        data = msgspec.msgpack.encode(arrival)
        target = self._folder / arrival.file_name
        temporary = target.with_name(f".{target.name}.tmp")
        self._folder.mkdir(mode=0o700, exist_ok=True)
        try:
            with temporary.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
        sync_folder(self._folder)

    def done(self, arrival: Arrival) -> None:
        """Put a hand-in that has its score aside; raises GraderFault, and then it stays in the queue."""
        # If a crash undoes this, the score says that it is done.
        try:
            self._graded.mkdir(mode=0o700, exist_ok=True)
            (self._folder / arrival.file_name).replace(self._graded / arrival.file_name)
        except FileNotFoundError:
            return
        except OSError as error:
            raise GraderFault(
                f"Cannot move a hand-in to {self._graded}: {error.strerror or error}. "
                "Free some space or mend the permissions."
            ) from error

    def read(self) -> tuple[list[Arrival], list[str]]:
        """Return what waits, earliest first, and the names of files that are no hand-ins.

        Removes what a writer that was killed has left.
        """
        for half in self._folder.glob(f".*{SUFFIX}.tmp"):
            half.unlink(missing_ok=True)
        found = list(_read(self._folder))
        waiting = [one for one in found if isinstance(one, Arrival)]
        return waiting, [one for one in found if isinstance(one, str)]

    def graded(self) -> Iterator[Arrival | str]:
        """Yield what has its score, as `read` returns it: one at a time, for a day has many."""
        return _read(self._graded)


def _read(folder: Path) -> Iterator[Arrival | str]:
    """Yield the hand-ins of a folder, earliest first; of files that are none, the names."""
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            arrival = _decoder.decode(path.read_bytes())
            if arrival.file_name != path.name:
                raise ValueError("the name is that of another")
        except (ValueError, msgspec.MsgspecError):
            yield path.name
        else:
            yield arrival


def unfinished(waiting: Iterable[Arrival], done: set[tuple[str, str]]) -> list[Arrival]:
    """Return what has no score yet; `done` holds team and id of each score."""
    return [one for one in waiting if (one.team, one.id) not in done]


_decoder = msgspec.msgpack.Decoder(Arrival)
