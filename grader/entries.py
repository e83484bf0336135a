"""What there is to grade: folders of teams, archives of them and manifests, as one list of hand-ins."""

from __future__ import annotations

import csv
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from grader.archives import is_archive, unpack
from grader.challenge import Challenge, all_challenges
from grader.errors import UsageError
from grader.submission import MAIN, SKIPPED
from leaderboard.formats import is_formula

COLUMNS: Final = ("team", "challenge", "path", "submitted_at")
NAMED_SHOWN: Final = 10
LAYOUT: Final = (
    "A source is a folder TEAM/FILE, an archive of one (.zip, .tar, .tar.gz, .tar.bz2, .tar.xz), "
    "or a manifest (.csv)."
)


class Entry(msgspec.Struct, frozen=True):
    """One hand-in of a team. `path` is where it lies, `shown` where the user has put it."""

    team: str
    challenge: Challenge
    path: str
    shown: str
    submitted_at: datetime | None = None


class Skipped(msgspec.Struct, frozen=True):
    """What lies among the hand-ins and is not graded, and why."""

    shown: str
    reason: str


Found = Entry | Skipped


class Names:
    """The challenges that a name can mean: those of the kit, and the one that was asked for.

    A name alone decides: the path of a challenge folder, whose specs would run, is not taken from files
    that strangers may have written.
    """

    def __init__(self, wanted: Challenge | None = None, known: Sequence[Challenge] | None = None):
        self.wanted = wanted
        self._named: dict[str, Challenge] = {}
        for one in [*(all_challenges() if known is None else known), *([wanted] if wanted else [])]:
            self._named |= dict.fromkeys((one.id, one.key.lower(), one.slug.lower()), one)

    def find(self, name: str) -> Challenge | None:
        """Return the challenge of a name such as "04", "4", "tiny_gpt", "04_mine" or "04 (1)"."""
        name = name.lower()
        number = re.match(r"(\d+)(?![^\W_])", name)
        found = self._named.get(name)
        return found or (self._named.get(number[1].zfill(2)) if number else None)

    def decide(self, path: Path) -> Challenge | str:
        """Return the challenge of a file or folder by its name, or why there is none."""
        folder = path.is_dir()
        found = self.find(path.name if folder else path.stem)
        if self.wanted is None:
            return (
                found or "its name does not tell the challenge (04.py does), nor does --challenge"
            )
        if found is not None and found.folder != self.wanted.folder:
            return f"its name is that of {found.id}, and --challenge is {self.wanted.id}"
        if folder and found is None and not _holds_main(path, self.wanted):
            # Of a team's whole repository only the hand-in is meant.
            return f"it holds neither {MAIN} nor {self.wanted.file_name}"
        return self.wanted


def _holds_main(folder: Path, challenge: Challenge) -> bool:
    return any(os.path.lexists(folder / name) for name in (MAIN, challenge.file_name))


def collect(sources: Iterable[Path], names: Names, workspace: Path) -> Iterator[Found]:
    """Yield what is in the sources; archives are unpacked below `workspace`, a private folder.

    Raises UsageError for a source that is none, an archive that is damaged and a manifest that is wrong.
    """
    for number, source in enumerate(sources):
        if source.is_dir():
            yield from _teams(source, str(source), names)
        elif not source.is_file():
            raise UsageError(f"{source} is not there. {LAYOUT}")
        elif is_archive(source):
            folder = workspace / f"unpacked{number}"
            folder.mkdir()
            others = unpack(source, folder)
            top = _top(folder, names)
            shown = "/".join([str(source), *top.relative_to(folder).parts])
            yield from _teams(top, shown, names)
            yield from _not_python(others, source)
        elif source.suffix.lower() == ".csv":
            yield from manifest(source, names)
        else:
            raise UsageError(f"{source} is no source of hand-ins. {LAYOUT}")


def entries_of(found: Iterable[Found], skipped: list[Skipped]) -> Iterator[Entry]:
    """Yield the entries; what is skipped goes to the list."""
    for one in found:
        if isinstance(one, Skipped):
            skipped.append(one)
        else:
            yield one


def team_name(name: str) -> str:
    """Return the name of a team as scores have it: composed, and without halves of characters."""
    # An archive from a Mac has its letters and their accents apart.
    composed = unicodedata.normalize("NFC", name.strip())
    return re.sub("[\ud800-\udfff]", lambda match: f"\\u{ord(match[0]):04x}", composed)


def team_cell(team: str) -> str:
    """Return a team for a manifest: a name that a spreadsheet would run has an apostrophe more."""
    return f"'{team}" if is_formula(team.lstrip("'")) else team


def _team_in(cell: str) -> str:
    return cell[1:] if cell.startswith("'") and is_formula(cell.lstrip("'")) else cell


def _teams(folder: Path, shown: str, names: Names) -> Iterator[Found]:
    for team in _visible(folder):
        where = f"{shown}/{team.name}"
        if team.is_symlink():
            yield Skipped(where, "it is a symbolic link")
        elif not team_name(team.name):
            yield Skipped(where, "its name is none that a team could have")
        elif team.is_dir():
            yield from _hand_ins(team, where, names)
        elif team.suffix == ".py":
            yield Skipped(where, "it lies in no team's folder")


def _hand_ins(team: Path, shown: str, names: Names) -> Iterator[Found]:
    try:
        found = _visible(team)
    except OSError as error:
        yield Skipped(shown, f"it cannot be read: {error.strerror}")
        return
    if not found:
        yield Skipped(shown, "the folder is empty")
    for path in found:
        where = f"{shown}/{path.name}"
        if path.suffix != ".py" and (path.is_symlink() or not path.is_dir()):
            yield Skipped(where, "it is no Python file")
            continue
        challenge = names.decide(path)
        if isinstance(challenge, str):
            yield Skipped(where, challenge)
        else:
            yield Entry(team_name(team.name), challenge, str(path), where)


def _visible(folder: Path) -> list[Path]:
    paths = (path for path in folder.iterdir() if not path.name.startswith("."))
    return sorted(path for path in paths if path.name not in SKIPPED)


def _top(folder: Path, names: Names) -> Path:
    """Return the folder of the teams: one that alone holds all of an archive is none of theirs."""
    inside = _visible(folder)
    if len(inside) == 1 and inside[0].is_dir():
        below = _visible(inside[0])
        if below and all(path.is_dir() and names.find(path.name) is None for path in below):
            return inside[0]
    return folder


def _not_python(others: list[str], source: Path) -> Iterator[Skipped]:
    """What was not unpacked, as far as it lies where a hand-in may lie."""
    for name in others:
        if 2 <= name.count("/") + 1 <= 3:
            yield Skipped(f"{source}/{name}", "it is no Python file")


# Manifests.


def manifest(path: Path, names: Names) -> Iterator[Found]:
    """Yield the hand-ins of a CSV file; raises UsageError with the numbers of all wrong lines."""
    wrong: list[str] = []
    found: list[Found] = []
    base = path.parent.resolve()
    for number, row in _rows(path):
        try:
            found.append(_entry(row, path, base, names))
        except UsageError as error:
            wrong.append(f"line {number}: {error}")
    if wrong:
        more = f"\n… and {len(wrong) - NAMED_SHOWN} more" if len(wrong) > NAMED_SHOWN else ""
        raise UsageError("\n".join([f"{path} is wrong:", *wrong[:NAMED_SHOWN]]) + more)
    yield from found


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True, restkey="", restval="")
            header = [name.strip() for name in reader.fieldnames or ()]
            missing = set(COLUMNS[:3]) - set(header)
            if missing or len(set(header)) < len(header) or set(header) - set(COLUMNS):
                raise UsageError(
                    f"{path} is wrong: line 1: the columns are {','.join(COLUMNS)}, the last one "
                    "at will."
                )
            reader.fieldnames = header
            for row in reader:
                yield reader.line_num, row
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text. Save it again with that encoding.") from error
    except csv.Error as error:
        raise UsageError(f"{path} is wrong: line {reader.reader.line_num}: {error}.") from error


def _entry(row: Mapping[str, str], path: Path, base: Path, names: Names) -> Found:
    if "" in row:
        raise UsageError("it has more fields than the header.")
    team, key, file, moment = [(row.get(name) or "").strip() for name in COLUMNS]
    team = _team_in(team)
    if not team:
        raise UsageError("the team is missing.")
    challenge = names.find(key)
    if challenge is None:
        raise UsageError(f"there is no challenge {key!r}. `grader list` shows them all.")
    place = _below(base, file)
    shown = str(path.parent / file)
    submitted_at = _moment(moment) if moment else None
    if names.wanted is not None and names.wanted.folder != challenge.folder:
        return Skipped(shown, f"its challenge is {challenge.id}")
    return Entry(team_name(team), challenge, str(place), shown, submitted_at)


def _below(base: Path, file: str) -> Path:
    """Return the file of a line, which lies below the manifest's folder, whatever links are on the way."""
    if not file or "\0" in file:
        raise UsageError("the path is missing.")
    place = base / file
    try:
        real = place.parent.resolve() / place.name
        there = os.path.lexists(place)
    except (OSError, RuntimeError):
        # Too long, or a loop of links.
        there = False
    else:
        if real == base or not real.is_relative_to(base) or place.name == "..":
            raise UsageError(f"{file!r} does not lie below the folder of the manifest.")
    if not there:
        raise UsageError(f"{file!r} is not there.")
    return place


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise UsageError(f"{text!r} is no time with a zone, such as 2026-11-23T21:22:00Z.")
