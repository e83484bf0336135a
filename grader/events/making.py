"""`grader event new`: a folder that works as it stands, made whole or not at all."""

from __future__ import annotations

import csv
import json
import os
import shlex
import shutil
import string
import subprocess
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from grader.challenge import Challenge, all_challenges
from grader.errors import GraderFault, UsageError
from grader.events.folder import EventFolder, made_whole, owned_folder, read_rules
from leaderboard.errors import EventError
from leaderboard.event import Event
from leaderboard.text import printable

TEXTS: Final = Path(__file__).parent.parent / "data" / "event"
COLUMNS: Final = {"team", "member"}
# Of a hand-in of a megabyte there may be many versions in one push.
LARGEST_PUSH: Final = 32 << 20
REPOSITORY: Final = (
    # What is pushed must be sound, and of a size that a hand-in can have.
    ("receive.fsckObjects", "true"),
    ("receive.maxInputSize", str(LARGEST_PUSH)),
    # A team may amend and push again: what was seen is in the queue already. Nobody removes a branch.
    ("receive.denyNonFastForwards", "false"),
    ("receive.denyDeletes", "true"),
    # Only branches can be pushed, and none can be fetched: teams do not read each other's.
    ("receive.hideRefs", "refs/"),
    ("receive.hideRefs", "!refs/heads/"),
    ("uploadpack.hideRefs", "refs/"),
    ("daemon.uploadpack", "false"),
    # Nothing runs by itself in the process of whoever pushes.
    ("receive.autogc", "false"),
    ("gc.auto", "0"),
    ("core.hooksPath", os.devnull),
)


class Wanted(msgspec.Struct, frozen=True):
    """What an event is to be."""

    title: str
    challenges: Sequence[Challenge]
    teams: Mapping[str, Sequence[str]]
    opens: datetime | None
    closes: datetime | None
    own: Sequence[Path] = ()
    """Folders of challenges that the kit does not hold."""


def read_roster(path: Path) -> dict[str, list[str]]:
    """Return the teams of a CSV file with their members; a line is a person, or a team alone.

    The columns are `team` and, at will, `member`. Raises UsageError with the number of the line.
    """
    teams: dict[str, list[str]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True, restkey="", restval="")
            columns = [name.strip().lower() for name in reader.fieldnames or ()]
            if "team" not in columns or set(columns) - COLUMNS or len(set(columns)) < len(columns):
                raise UsageError(f"{path}: line 1: the columns are team and, at will, member.")
            reader.fieldnames = columns
            for row in reader:
                _add(teams, row, f"{path}: line {reader.line_num}")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text. Save it again with that encoding.") from error
    except csv.Error as error:
        raise UsageError(f"{path} is no CSV file: {error}.") from error
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    return teams


def _add(teams: dict[str, list[str]], row: Mapping[str, str], where: str) -> None:
    if "" in row:
        raise UsageError(f"{where}: it has more fields than the header.")
    team, member = (
        unicodedata.normalize("NFC", (row.get(name) or "").strip()) for name in ("team", "member")
    )
    if not team and not member:
        return
    if not team:
        raise UsageError(f"{where}: the team is missing.")
    for name in (team, member):
        if printable(name) != name:
            raise UsageError(f"{where}: {printable(name)!r} has a character that cannot be shown.")
    teams.setdefault(team, [])
    if member:
        teams[team].append(member)


def make(folder: EventFolder, wanted: Wanted) -> None:
    """Make an event folder.

    Raises FileExistsAlreadyError where something is there, UsageError for teams that share a name, and
    GraderFault where the disk does not take it.
    """
    with made_whole(folder.path) as draft:
        try:
            _fill(EventFolder(draft), folder.path, wanted)
        except (EventError, UsageError) as error:
            # Where it would have been: the draft is gone when somebody reads this.
            raise type(error)(str(error).replace(str(draft), str(folder.path))) from error


def _fill(draft: EventFolder, path: Path, wanted: Wanted) -> None:
    draft.rules.write_text(rules_text(wanted), "utf-8")
    rules = read_rules(draft, wanted.challenges)
    draft.page.mkdir()
    draft.inbox.mkdir()
    for handle in rules.roster.handles.values():
        (draft.inbox / handle).mkdir()
    # Hand-ins and scores are nobody else's business.
    owned_folder(draft.scores)
    owned_folder(draft.queue)
    owned_folder(draft.graded)
    _make_repository(draft.repository)
    values = _values(path, wanted, rules.event, rules.roster.handles)
    for name in ("README.md", "PARTICIPANTS.md"):
        text = string.Template((TEXTS / name).read_text("utf-8")).substitute(values)
        (draft.path / name).write_text(text, "utf-8")


def _make_repository(path: Path) -> None:
    """Make the bare repository; without git there is none, and the shared folder is enough."""
    program = shutil.which("git")
    if program is None:
        return
    # Neither hooks nor settings of this machine come along, and no push runs anything.
    command = [program, "init", "-q", "--bare", "--template=", "-b", "main", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    for key, value in REPOSITORY:
        if done.returncode == 0:
            setting = [program, "--git-dir", str(path), "config", "--add", key, value]
            done = subprocess.run(setting, capture_output=True, text=True, check=False)
    if done.returncode:
        raise GraderFault(f"git made no repository in {path}: {done.stderr.strip()}")


# The event file.


def rules_text(wanted: Wanted) -> str:
    """Return the event file, with what may be changed in it as comments."""
    values = {
        "title": _toml(wanted.title),
        "opens": _moment("opens", wanted.opens, "2026-11-28T09:00:00+01:00"),
        "closes": _moment("closes", wanted.closes, "2026-11-28T17:00:00+01:00"),
        "challenges": "\n".join(_challenge(one) for one in wanted.challenges),
        "teams": "\n".join(_team(name, members) for name, members in wanted.teams.items())
        or '# [[teams]]\n# name = "red"\n# members = ["Ada", "Grace"]\n',
    }
    return string.Template((TEXTS / "leaderboard.toml").read_text("utf-8")).substitute(values)


def _toml(text: str) -> str:
    # A JSON string is a TOML string, but for the one control character that JSON leaves as it is.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def _moment(name: str, moment: datetime | None, example: str) -> str:
    if moment is None:
        return f"# {name} = {example}"
    return f"{name} = {moment.isoformat(timespec='seconds')}"


def _challenge(one: Challenge) -> str:
    return f"[[challenges]]\nid = {_toml(one.id)}   # {one.title}\n"


def _team(name: str, members: Sequence[str]) -> str:
    lines = ["[[teams]]", f"name = {_toml(name)}"]
    if members:
        lines.append(f"members = [{', '.join(map(_toml, members))}]")
    return "\n".join([*lines, ""])


def moment(text: str, name: str) -> datetime:
    """Return an ISO time; without a zone it is this machine's. Raises UsageError."""
    try:
        found = datetime.fromisoformat(text)
        return found if found.tzinfo else found.astimezone()
    except (ValueError, OverflowError):
        raise UsageError(
            f"--{name} {text!r} is no time: write 2026-11-28T09:00, or with a zone 2026-11-28T09:00+01:00."
        ) from None


# The texts.


def _values(path: Path, wanted: Wanted, event: Event, handles: Mapping[str, str]) -> dict[str, str]:
    challenges = wanted.challenges or all_challenges()
    absolute = path.absolute()
    options = "".join(f" --challenge {shlex.quote(str(one.absolute()))}" for one in wanted.own)
    first = challenges[0]
    return {
        "title": wanted.title or "The event",
        "folder": shlex.quote(str(absolute)),
        "base": shlex.quote(str(absolute.parent)),
        "options": options,
        "ids": ",".join(one.id for one in challenges),
        "stub": first.file_name,
        "number": first.id,
        "handle": next(iter(handles.values()), "red"),
        "challenges": "\n".join(
            f"| {one.id} | {one.title} | `{one.file_name}` |" for one in challenges
        ),
        "teams": _handles_table(handles),
        "rules": "\n".join(f"- {line}" for line in rules_in_words(event)),
    }


def _handles_table(handles: Mapping[str, str]) -> str:
    if not handles:
        return (
            "Choose a name of letters, digits and dashes, such as `red`, for your folder or branch."
        )
    lines = ["| team | folder and branch |", "|---|---|"]
    return "\n".join(
        [*lines, *(f"| {_cell(team)} | `{short}` |" for team, short in handles.items())]
    )


def _cell(text: str) -> str:
    return "".join(f"\\{char}" if char in "\\|*_`[]<>#&" else char for char in text)


def rules_in_words(event: Event) -> list[str]:
    """Return the rules of an event as sentences for those who take part."""
    lines = []
    if event.opens is not None:
        lines.append(
            f"It opens on {_day(event.opens)}. What comes before is graded, and does not count."
        )
    if event.closes is not None:
        lines.append(f"It closes on {_day(event.closes)}. What comes then is shown as late.")
    if event.attempts is not None:
        many = "one attempt" if event.attempts == 1 else f"{event.attempts} attempts"
        lines.append(f"At each challenge {many} count, the first ones, whatever became of them.")
    if event.pause > timedelta(0):
        lines.append(
            f"After an attempt that counted, what comes within {event.cooldown} does not count."
        )
    best = "Your best attempt counts." if event.count == "best" else "Your latest attempt counts."
    lines.append(best)
    for entry in event.challenges:
        if entry.weight != 1:
            lines.append(f"The points of {entry.id} count {entry.weight:g} times.")
    lines.append("Who has more points is ahead; of equal points, who had them earlier.")
    return lines


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d at %H:%M %Z}"
