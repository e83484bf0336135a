"""What was handed in: found, checked, read once, hashed. Nothing of it is executed here."""

from __future__ import annotations

import difflib
import hashlib
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import msgspec

from grader.errors import HandInError

MAX_BYTES = 1 << 20
MAX_FILES = 64
MAX_FOLDERS = 1000
MAIN = "submission.py"
SKIPPED = {"__pycache__", "node_modules", "venv"}
EMPTY_SHA256 = hashlib.sha256(b"").hexdigest()


class Submission(msgspec.Struct, frozen=True):
    """A hand-in as bytes. `files` maps relative paths to contents; the first is the main file."""

    name: str
    files: dict[str, bytes]
    sha256: str
    size: int

    @classmethod
    def of(cls, name: str, files: dict[str, bytes]) -> Submission:
        """Return the submission with its hash: that of the file, or of all paths and contents."""
        if len(files) == 1:
            digest = hashlib.sha256(next(iter(files.values())))
        else:
            digest = hashlib.sha256()
            for path in sorted(files):
                digest.update(f"{path}\0{len(files[path])}\0".encode() + files[path])
        return cls(name, files, digest.hexdigest(), sum(map(len, files.values())))

    def write(self, folder: Path) -> None:
        """Write the files under `folder`, the main one as `submission.py`."""
        for number, (relative, data) in enumerate(self.files.items()):
            path = folder / (MAIN if number == 0 else relative)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)


def read(source: str, starter_name: str, stdin: BinaryIO | None = None) -> Submission:
    """Read the hand-in at `source`: a file, a folder, or "-" for standard input.

    Raises HandInError with a sentence that says what is wrong and what to do next.
    """
    if source == "-":
        data = (stdin or sys.stdin.buffer).read(MAX_BYTES + 1)
        return _checked("standard input", {MAIN: data})
    path = Path(source)
    mode = _mode(path)
    if stat.S_ISLNK(mode):
        raise HandInError(f"{path} is a symbolic link. Hand in the file that it points to.")
    if stat.S_ISDIR(mode):
        return _checked(path.name or str(path.resolve().name), _folder(path, starter_name))
    if not stat.S_ISREG(mode):
        raise HandInError(f"{path} is not a regular file. Hand in a Python file.")
    return _checked(path.name, {path.name: _bytes(path)})


def of_bytes(name: str, data: bytes) -> Submission:
    """Return the hand-in of one file that somebody else has read; raises HandInError as `read` does."""
    return _checked(name, {name: data})


def unreadable(source: str) -> Submission:
    """Return the stand-in for a hand-in that could not be read, for its record."""
    name = "standard input" if source == "-" else Path(source).name or source
    return Submission(name, {}, EMPTY_SHA256, 0)


def with_helper(path: Path, helper: Path) -> Submission:
    """Return the file at `path` with the file `helper` beside it."""
    return _checked(path.name, {path.name: _bytes(path), helper.name: _bytes(helper)})


def _mode(path: Path) -> int:
    try:
        return path.lstat().st_mode
    except PermissionError:
        raise HandInError(f"{path} cannot be read: permission denied.") from None
    except (OSError, ValueError):
        # Not there, a name that no system can have, or one with a NUL.
        shown = str(path) if len(str(path)) < 200 else f"{str(path)[:100]}…"
        raise HandInError(f"{shown} does not exist.{_nearby(path)}") from None


def _folder(folder: Path, starter_name: str) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for path in _python_files(folder):
        relative = path.relative_to(folder)
        mode = _mode(path)
        if stat.S_ISLNK(mode):
            raise HandInError(f"{relative} is a symbolic link. Hand in the file itself.")
        if not stat.S_ISREG(mode):
            # Opening a named pipe would wait for ever.
            raise HandInError(f"{relative} is not a regular file. Hand in Python files only.")
        if len(files) == MAX_FILES:
            raise HandInError(f"{folder} holds more than {MAX_FILES} Python files.")
        if relative.parts[0] == MAIN and len(relative.parts) > 1:
            raise HandInError(f"{MAIN} is a folder in it. The main file has that name: rename it.")
        files[relative.as_posix()] = _bytes(path)
    for main in (MAIN, starter_name):
        if main in files:
            return {main: files.pop(main), **files}
    top = [name for name in files if "/" not in name]
    found = f"it holds {', '.join(top[:5])}" if top else "it holds no Python file"
    raise HandInError(
        f"{folder} is a folder without a hand-in: {found}. "
        f"Call the main file {MAIN} or {starter_name}, or name the file itself."
    )


def _python_files(folder: Path) -> Iterator[Path]:
    """Yield the Python files below, in order, without entering hidden folders and those of tools."""
    for number, (top, folders, names) in enumerate(os.walk(folder)):
        if number == MAX_FOLDERS:
            raise HandInError(
                f"{folder} holds more than {MAX_FOLDERS} folders. Name the file itself."
            )
        folders[:] = sorted(n for n in folders if not n.startswith(".") and n not in SKIPPED)
        yield from (Path(top, n) for n in sorted(names) if n.endswith(".py") and n[0] != ".")


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise HandInError(f"{path} cannot be read: {error.strerror}.") from error


def _checked(name: str, files: dict[str, bytes]) -> Submission:
    if sum(map(len, files.values())) > MAX_BYTES:
        raise HandInError(
            f"{name} is larger than {MAX_BYTES >> 20} MiB. Hand in source code without data."
        )
    for relative, data in files.items():
        _check_text(relative if len(files) > 1 else name, data)
    if not next(iter(files.values())).decode("utf-8-sig").strip():
        raise HandInError(f"{name} is empty. `grader start` gives you a stub to fill in.")
    return Submission.of(name, files)


def _check_text(name: str, data: bytes) -> None:
    try:
        data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise HandInError(
            f"{name} is not UTF-8 text: line {line} holds the byte 0x{data[error.start]:02x}. "
            "Save it again with the encoding UTF-8."
        ) from None
    zero = data.find(b"\0")
    if zero >= 0:
        line = data[:zero].count(b"\n") + 1
        raise HandInError(f"{name} holds a NUL byte in line {line}. Save it again as plain text.")


def _nearby(path: Path) -> str:
    try:
        others = sorted(p.name for p in path.parent.glob("*.py"))
    except (OSError, ValueError):
        others = []
    near = difflib.get_close_matches(path.name[:100], others, n=1)
    if near:
        return f" Did you mean {near[0]}?"
    return f" In that folder: {', '.join(others[:5])}." if others else " `grader start` makes one."
