"""The folder of an event: what lies where, its rules, and who may run it."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from grader.challenge import Challenge, all_challenges
from grader.entries import Names
from grader.errors import FileExistsAlreadyError, GraderFault, UsageError
from grader.events.roster import Roster
from grader.sweeping import remove_tree
from leaderboard.event import Event, load_event
from leaderboard.locks import create_held, if_abandoned
from leaderboard.store import EVENT_FILE


class EventFolder(msgspec.Struct, frozen=True):
    """The parts of an event folder."""

    path: Path

    @property
    def rules(self) -> Path:
        """The event file; the roster is in it."""
        return self.path / EVENT_FILE

    @property
    def inbox(self) -> Path:
        """What is shared: a folder for each team."""
        return self.path / "inbox"

    @property
    def repository(self) -> Path:
        """The bare repository that teams push to."""
        return self.path / "hand-ins.git"

    @property
    def scores(self) -> Path:
        """The store."""
        return self.path / "scores"

    @property
    def queue(self) -> Path:
        """What was handed in and has no score yet."""
        return self.path / "queue"

    @property
    def graded(self) -> Path:
        """What was handed in and has its score, as it came."""
        return self.path / "graded"

    @property
    def page(self) -> Path:
        """The standings as a page."""
        return self.path / "page"

    @property
    def pulse(self) -> Path:
        """An empty file whose time is that of the last look at the inbox."""
        return self.path / ".last-look"

    @property
    def seen(self) -> Path:
        """What was seen and not taken yet, with its times."""
        return self.path / ".seen.json"

    def check(self) -> None:
        """Raise UsageError unless it is an event folder; make what a run needs and somebody has removed."""
        if not self.rules.is_file():
            raise UsageError(
                f"{self.path} is no event folder: it holds no {EVENT_FILE}. "
                "`grader event new DIR` makes one."
            )
        self.inbox.mkdir(exist_ok=True)
        owned_folder(self.queue)
        owned_folder(self.graded)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only one that runs this event; raises UsageError where another does."""
        lock = self.path / ".running"
        while True:
            try:
                held = create_held(lock)
                break
            except FileExistsError:
                with if_abandoned(lock) as abandoned:
                    if not abandoned:
                        raise UsageError(
                            f"{self.path} is run by another `grader event run` already. "
                            f"If that cannot be, remove {lock}."
                        ) from None
                    lock.unlink(missing_ok=True)
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)
            held.close()

    def last_look(self) -> datetime | None:
        """Return when the inbox was looked at last, by whichever run."""
        try:
            return datetime.fromtimestamp(self.pulse.stat().st_mtime, UTC)
        except OSError:
            return None

    def looked(self) -> None:
        """Take note that the inbox was looked at."""
        with contextlib.suppress(OSError):
            # A full disk takes a time, if no file.
            self.pulse.touch()


class Rules(msgspec.Struct, frozen=True):
    """What the event file says, with the challenges and teams looked up."""

    event: Event
    names: Names
    challenges: dict[str, Challenge]
    roster: Roster
    signature: tuple[int, ...]


def read_rules(folder: EventFolder, extra: Sequence[Challenge] = ()) -> Rules:
    """Read the event file; `extra` are challenges that the kit does not hold.

    Raises EventError, and UsageError for a challenge that nobody has and teams that share a folder.
    """
    signature = signature_of(folder.rules)
    event = load_event(folder.rules)
    known = {one.id: one for one in [*all_challenges(), *extra]}
    missing = [entry.id for entry in event.challenges if entry.id not in known]
    if missing:
        raise UsageError(
            f"{folder.rules}: there is no challenge {missing[0]!r}. `grader list` shows them all; "
            "one of your own is named with --challenge."
        )
    chosen = {key: one for key, one in known.items() if event.includes(key)}
    roster = Roster(team.name for team in event.teams)
    for group in roster.clashes():
        raise UsageError(
            f"{folder.rules}: the teams {' and '.join(map(repr, group))} would share a folder and a "
            "branch. Rename one."
        )
    return Rules(event, Names(known=list(chosen.values())), chosen, roster, signature)


def signature_of(path: Path) -> tuple[int, ...]:
    """Return what changes with a file; empty where there is none."""
    try:
        status = path.lstat()
    except (OSError, ValueError):
        return ()
    return tuple(
        getattr(status, f"st_{name}")
        for name in ("mode", "dev", "ino", "size", "mtime_ns", "ctime_ns")
    )


def plural(number: int, word: str) -> str:
    """Return such as "1 hand-in" and "2 hand-ins"."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def local(moment: datetime) -> str:
    """Return the hour of a moment, on this machine's clock."""
    return f"{moment.astimezone():%H:%M:%S}"


@contextlib.contextmanager
def made_whole(path: Path) -> Iterator[Path]:
    """Yield a new folder that is at `path` at the end, unless anything fails.

    Raises FileExistsAlreadyError where something is there, and GraderFault where the disk does not take it.
    """
    if os.path.lexists(path) and not _is_empty(path):
        raise FileExistsAlreadyError(f"{path} is there already. Nothing was changed.")
    target = path.absolute()
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.tmp")
    try:
        draft.mkdir(parents=True)
        yield draft
        draft.replace(target)
    except OSError as error:
        raise GraderFault(f"Cannot make {path}: {error.strerror or error}.") from error
    finally:
        remove_tree(draft)


def _is_empty(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink() and not any(path.iterdir())


def owned_folder(path: Path) -> None:
    """Make a folder that only its owner may enter."""
    path.mkdir(exist_ok=True)
    if os.name == "posix":
        path.chmod(0o700)
