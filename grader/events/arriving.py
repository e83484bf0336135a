"""From what lies there to hand-ins: files, archives and pushed commits, each with its team and challenge.

Nothing here trusts a name or a byte. What cannot be graded, such as a link or a giant, is a hand-in with a
problem, if its name tells the challenge; what no name tells is only talked about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from grader import submission as submissions
from grader import sweeping
from grader.archives import ENDINGS, Bounds, is_archive, unpack
from grader.challenge import Challenge
from grader.entries import team_name
from grader.errors import HandInError, UsageError
from grader.events.clock import STEP
from grader.events.folder import Rules
from grader.events.inbox import MAX_ARCHIVE, Dropped
from grader.events.pushes import Pushed
from grader.events.waiting import Arrival
from grader.submission import SKIPPED, Submission
from leaderboard.text import printable

BOUNDS: Final = Bounds(members=2000, total=64 << 20, free=16 << 20)

Read = Submission | HandInError


class NotTakenError(Exception):
    """What lies there is no hand-in; says why."""


def team_of(name: str, rules: Rules) -> str:
    """Return the team of a folder or branch, as its scores call it."""
    return rules.roster.team(team_name(name))


def from_file(dropped: Dropped, data: bytes | HandInError, rules: Rules) -> list[Arrival]:
    """Return the hand-ins in a file of the inbox; raises NotTakenError, and GraderFault for our disk."""
    found: Iterable[tuple[Challenge, str, Read]]
    name = Path(dropped.name)
    challenge = rules.names.find(name.stem.partition(".tar")[0])
    if is_archive(name):
        found = list(_in_archive(dropped, data, challenge, rules))
    elif name.suffix != ".py":
        raise NotTakenError("it is neither a Python file nor an archive.")
    elif challenge is None:
        raise NotTakenError("its name tells no challenge of this event; 04.py would tell 04.")
    else:
        found = [(challenge, dropped.name, _checked(dropped.name, data))]
    team = team_of(dropped.team, rules)
    if not team:
        raise NotTakenError("its folder has no name that a team could have.")
    # Each at a time of its own: the time is a part of the score's id.
    return [
        _arrival(team, one, dropped.arrived + number * STEP, shown, dropped.shown, read)
        for number, (one, shown, read) in enumerate(found)
    ]


def from_push(
    pushed: Pushed, found: Iterable[tuple[Challenge, Read]], rules: Rules
) -> list[Arrival]:
    """Return the hand-ins in a tip of a branch."""
    team = team_of(pushed.team, rules)
    return [
        _arrival(team, one, pushed.arrived, one.file_name, pushed.shown, read)
        for one, read in found
    ]


def _arrival(
    team: str, challenge: Challenge, arrived: datetime, name: str, source: str, read: Read
) -> Arrival:
    if isinstance(read, HandInError):
        # As the record will have it, so that it is known again after a restart.
        problem = printable(str(read), multiline=True)
        submission = submissions.unreadable(printable(name))
        return Arrival(1, team, challenge.id, arrived, printable(source), submission, problem)
    # What is called by bytes that are no text is called by their codes from here on.
    files = {printable(path): data for path, data in read.files.items()}
    if any(len(part.encode()) > BOUNDS.name for path in files for part in path.split("/")):
        error = HandInError(
            f"{printable(name)} holds a file whose name is too long with its codes."
        )
        return _arrival(team, challenge, arrived, name, source, error)
    submission = Submission(printable(name), files, read.sha256, read.size)
    return Arrival(1, team, challenge.id, arrived, printable(source), submission)


def _checked(name: str, data: bytes | HandInError) -> Read:
    if isinstance(data, HandInError):
        return data
    try:
        return submissions.of_bytes(name, data)
    except HandInError as error:
        return error


def _in_archive(
    dropped: Dropped, data: bytes | HandInError, named: Challenge | None, rules: Rules
) -> Iterator[tuple[Challenge, str, Read]]:
    """Yield what is in an archive: the one hand-in that its name tells, or those that names in it tell."""
    with sweeping.workspace() as workspace:
        try:
            folder = _unpacked(dropped.name, data, workspace)
        except HandInError as error:
            if named is None:
                raise NotTakenError(str(error)) from error
            yield named, dropped.name, error
            return
        top = _top(folder)
        if named is not None:
            yield named, dropped.name, _read(top, named, dropped.name)
            return
        if rules.names.find(top.name):
            top = folder
        inside = [(path, rules.names.find(path.stem)) for path in _visible(top)]
        if not any(challenge for _, challenge in inside):
            raise NotTakenError("neither its name nor one in it tells a challenge of this event.")
        for path, challenge in inside:
            if challenge is not None and (path.is_dir() or path.suffix == ".py"):
                yield challenge, path.name, _read(path, challenge, path.name)


def _unpacked(name: str, data: bytes | HandInError, workspace: Path) -> Path:
    """Return the folder with the contents of an archive; raises HandInError."""
    if isinstance(data, HandInError):
        raise data
    if len(data) > MAX_ARCHIVE:
        raise HandInError(f"{name} is larger than {MAX_ARCHIVE >> 20} MiB.")
    # Its own name may be one that our disk does not take.
    ending = re.search(f"{ENDINGS.pattern}$", name.lower())
    archive = workspace / f"archive{ending[0] if ending else ''}"
    folder = workspace / "unpacked"
    folder.mkdir()
    archive.write_bytes(data)
    try:
        unpack(archive, folder, BOUNDS)
    except UsageError as error:
        raise HandInError(str(error).replace(str(archive), name)) from error
    return folder


def _top(folder: Path) -> Path:
    """Return the folder that alone holds all of an archive, else the one it was unpacked to."""
    inside = _visible(folder)
    return inside[0] if len(inside) == 1 and inside[0].is_dir() else folder


def _visible(folder: Path) -> list[Path]:
    names = sorted(path.name for path in folder.iterdir())
    return [folder / name for name in names if name not in SKIPPED and not name.startswith(".")]


def _read(path: Path, challenge: Challenge, shown: str) -> Read:
    try:
        return submissions.read(str(path), challenge.file_name)
    except HandInError as error:
        return HandInError(str(error).replace(str(path), shown))
    except UnicodeError:
        return HandInError(f"{shown} holds a file whose name is no text. Give it another.")
