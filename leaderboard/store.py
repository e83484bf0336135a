"""The store: an append-only folder of scores, one file per graded attempt.

``<store>/<challenge>/<team>/<submitted_at>-<sha12>.json``. Nothing ever edits a file. A score is
written under a hidden temporary name, synced, and then published under a name that nobody has;
so a reader sees whole records only, and any number of writers may share a store.

The folders are for people. What counts is in the record: a file keeps its meaning wherever under
the store it lies.
"""

import contextlib
import difflib
import errno
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from msgspec import Struct

from leaderboard.ahead import ahead
from leaderboard.errors import (
    AmbiguousScoreError,
    ScoreError,
    ScoreNotFoundError,
    StoreReadError,
    StoreWriteError,
)
from leaderboard.locks import create_held, if_abandoned
from leaderboard.score import Score, decode, encode, time_stamp
from leaderboard.signing import state
from leaderboard.text import printable

DEFAULT_STORE = Path(__file__).parent / "scores"
EVENT_FILE = "leaderboard.toml"
"""The rules of an event may lie at the top of the folder; they are no score and no problem."""
MAX_BYTES = 32 * 1024 * 1024
AHEAD_BYTES = 256 * 1024
"""What is larger is not read ahead of its turn, so that a folder of large files fills no memory."""
MAX_FOLDER_NAME = 120

_UNSAFE_BYTE = re.compile(rb"[^A-Za-z0-9._-]")
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")
# What file systems without hard links answer: Linux, macOS, Android, Windows.
_NO_HARD_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOSYS, errno.EMLINK}
_NO_HARD_LINKS |= {errno.EACCES, errno.EINVAL}


class Problem(Struct, frozen=True):
    """A file under the store that does not count, and why."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return printable(f"{self.path}: {self.reason}")


class StoredScore(Struct, frozen=True):
    """A score and the file that holds it."""

    path: Path
    score: Score


class Store:
    """A folder of scores, which need not exist before the first is added."""

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)

    def add(self, score: Score) -> Path:
        """Write a score durably and return its file.

        Adding the same score again writes nothing. A different score of the same name gets a
        number: ``...-2.json``. Raises `InvalidScoreError` or `StoreWriteError`.
        """
        data = encode(score)
        folder = self.path / challenge_folder(score) / folder_name(score.team)
        stem = f"{time_stamp(score.submitted_at)}-{score.submission.sha256[:12]}"
        try:
            _make_folder(folder)
            return _publish(data, folder, stem)
        except OSError as error:
            raise StoreWriteError(
                f"Cannot write a score to {folder}: {error.strerror or error}. "
                "Free some space, mend the permissions, or name another folder with --store."
            ) from error

    def read(self) -> tuple[list[Score], list[Problem]]:
        """Every score, and every file that is none; both in the order of their paths.

        Hidden files, such as those of a writer at work, are passed over. A store that does not
        exist is empty.
        """
        stored, problems = self.read_stored()
        return [entry.score for entry in stored], problems

    def read_stored(self) -> tuple[list[StoredScore], list[Problem]]:
        """As `read`, with the file of each score."""
        stored: list[StoredScore] = []
        problems: list[Problem] = []
        for entry in self.each():
            if isinstance(entry, StoredScore):
                stored.append(entry)
            else:
                problems.append(entry)
        return stored, sorted(problems, key=lambda problem: problem.path)

    def each(self) -> Iterator[StoredScore | Problem]:
        """As `read_stored`, one at a time, for whoever keeps only a little of each record."""
        files, problems = self._list()
        yield from problems
        for path, data in ahead(files, _read_ahead):
            try:
                if isinstance(data, Exception):
                    raise data
                yield StoredScore(path, decode(_read(path) if data is None else data))
            except FileNotFoundError:
                continue  # removed since it was listed
            except (ScoreError, OSError) as error:
                yield Problem(path, str(error))

    def sweep(self) -> None:
        """Remove the temporary files of writers that died, beside all records."""
        for folder in {path.parent for path in self._list()[0]}:
            _sweep(folder)

    def find(self, key: str, keys: Sequence[str] = ()) -> Score:
        """The score whose id begins with `key`, or whose file is `key`.

        Of a hand-in that was graded more than once, the latest grade; where there are public keys, the
        latest that one of them has signed, if any is. Raises
        `ScoreNotFoundError` with near matches, or `AmbiguousScoreError` with the candidates.
        """
        stored, _ = self.read_stored()
        matches = [entry for entry in stored if key and entry.score.id.startswith(key)]
        exact = [entry for entry in matches if entry.score.id == key]
        matches = exact or matches or [entry for entry in stored if self._is_file(entry, key)]
        if not matches:
            raise ScoreNotFoundError(self._not_found(key, stored))
        if len({(entry.score.id, entry.score.team) for entry in matches}) > 1:
            raise AmbiguousScoreError(_ambiguous(key, matches))
        signed = [entry for entry in matches if keys and state(entry.score, keys) == "signed"]
        return max(signed or matches, key=lambda entry: (entry.score.graded_at, entry.path)).score

    def _list(self) -> tuple[list[Path], list[Problem]]:
        """The visible files in order, and the folders that cannot be listed."""
        # Not os.walk, which recurses: a folder nested a thousand deep would end the reading.
        files: list[str] = []
        problems: list[Problem] = []
        waiting = [self.path]
        while waiting:
            folder = waiting.pop()
            try:
                with os.scandir(folder) as entries:
                    visible = [entry for entry in entries if not entry.name.startswith(".")]
            except FileNotFoundError:
                continue
            except OSError as error:
                problems.append(Problem(folder, error.strerror or str(error)))
                continue
            for entry in visible:
                if not _is_folder(entry):
                    files.append(entry.path)
                elif not entry.is_symlink():
                    waiting.append(Path(entry.path))
        if any(problem.path == self.path for problem in problems):
            raise StoreReadError(
                f"Cannot read {self.path}: {problems[0].reason}. Name a folder with --store."
            )
        rules = self.path / EVENT_FILE
        # As paths sort, part by part, for no name holds a zero; paths themselves compare slowly.
        files.sort(key=lambda path: path.replace(os.sep, "\0"))
        paths = [Path(path) for path in files]
        return [path for path in paths if path.name != EVENT_FILE or path != rules], problems

    def _is_file(self, entry: StoredScore, key: str) -> bool:
        return key in (str(entry.path), entry.path.relative_to(self.path).as_posix())

    def _not_found(self, key: str, stored: list[StoredScore]) -> str:
        near = difflib.get_close_matches(key, {entry.score.id for entry in stored}, n=3)
        text = f"No score in {self.path} has an id that begins with {key!r}."
        return printable(f"{text} Did you mean {', '.join(near)}?" if near else text)


def load(path: Path) -> Score:
    """The score in a file, wherever that lies; raises `ScoreError`, or `StoreReadError`."""
    try:
        return decode(_read(path))
    except ScoreError as error:
        raise type(error)(printable(f"{path}: {error}")) from None
    except OSError as error:
        raise StoreReadError(printable(f"Cannot read {path}: {error.strerror or error}")) from None


def challenge_folder(score: Score) -> str:
    """The name of a challenge's folder, such as ``04_causal_attention``."""
    return folder_name(f"{score.challenge.id}_{score.challenge.slug}")


def folder_name(name: str) -> str:
    """A name for `name` that is a harmless folder on every system.

    Letters, digits and ``._-`` stay; other bytes of its UTF-8 become ``%XX``, and so does whatever
    would make a hidden, reserved or special name. Long names are cut and end in a hash.
    """
    raw = name.encode("utf-8", "surrogatepass")
    safe = _UNSAFE_BYTE.sub(lambda match: b"%%%02X" % match[0][0], raw).decode("ascii")
    if safe.startswith(".") or _RESERVED.fullmatch(safe):
        safe = f"%{ord(safe[0]):02X}{safe[1:]}"
    if safe.endswith("."):  # Windows drops it
        safe = f"{safe[:-1]}%2E"
    if len(safe) > MAX_FOLDER_NAME:
        digest = hashlib.sha256(raw).hexdigest()[:16]
        safe = f"{safe[: MAX_FOLDER_NAME - 17]}-{digest}"
    return safe or "%"


def _make_folder(folder: Path) -> None:
    """Create a folder and make its name durable, as far up as it was missing."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def _publish(data: bytes, folder: Path, stem: str) -> Path:
    _sweep(folder)
    while True:
        temporary = folder / f".{stem}.{os.getpid()}.{secrets.token_hex(8)}.tmp"
        try:
            file = create_held(temporary, data)
        except FileExistsError:
            continue
        try:
            target = _place(temporary, data, folder, stem)
            sync_folder(folder)
            return target
        except FileNotFoundError:
            # On a file system whose locks bind only some machines, another may have swept it.
            if not folder.is_dir():
                raise
        finally:
            temporary.unlink(missing_ok=True)
            file.close()


def _place(temporary: Path, data: bytes, folder: Path, stem: str) -> Path:
    target = folder / f"{stem}.json"
    number = 1
    while not _claim(temporary, target):
        if _holds(target, data):
            return target
        number += 1
        target = folder / f"{stem}-{number}.json"
    return target


def _sweep(folder: Path) -> None:
    """Remove the temporary files of writers that died; no reader ever saw them."""
    for path in folder.glob(".*.tmp"):
        with if_abandoned(path) as abandoned, contextlib.suppress(OSError):
            if abandoned:
                path.unlink()


def _claim(temporary: Path, target: Path) -> bool:
    """Give the file its name unless the name is taken; False if it is. Never overwrites."""
    link: Callable[[Path, Path], None] | None = getattr(os, "link", None)
    if link is None:
        return _claim_by_rename(temporary, target)
    try:
        link(temporary, target)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        return _claim_by_rename(temporary, target)
    return True


def _claim_by_rename(temporary: Path, target: Path) -> bool:
    """As `_claim`, where the file system has no hard links.

    A rename may overwrite, so whoever renames holds the name by a hidden file first. One that a
    crash left behind costs nothing: the next writer takes the next number.
    """
    claim = target.with_name(f".{target.name}.claim")
    try:
        claim.open("xb").close()
    except FileExistsError:
        return False
    try:
        if target.exists():
            return False
        temporary.rename(target)
        return True
    finally:
        claim.unlink(missing_ok=True)


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except OSError:
        return False


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable, where the system can."""
    # Windows cannot open a folder and some network file systems cannot sync one.
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        # A loop of links, for instance.
        return False


def _read_ahead(path: Path) -> bytes | Exception | None:
    """The file, or why it is no score; None for a large one, which is read in its turn."""
    try:
        return _read(path) if path.stat().st_size <= AHEAD_BYTES else None
    except (ScoreError, OSError) as error:
        return error


def _read(path: Path) -> bytes:
    if path.suffix != ".json":
        raise ScoreError("not a score: only .json files are")
    # A pipe would never end, so look before opening.
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ScoreError("not a score: not a plain file")
    if status.st_size > MAX_BYTES:
        raise ScoreError(f"not a score: larger than {MAX_BYTES // 2**20} MiB")
    return path.read_bytes()


def _ambiguous(key: str, matches: Iterable[StoredScore]) -> str:
    lines = sorted(f"  {entry.score.id}  {printable(str(entry.path))}" for entry in matches)
    text = f"Several scores fit {printable(repr(key))}: give a longer id or the file."
    return "\n".join([text, *lines])
