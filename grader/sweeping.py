"""The folder of one grading under the temporary folder, and the removal of those that the dead left.

Beside each folder lies a file of the same name that its owner keeps locked: made before the folder and
removed after it. A folder without such a file is none of ours and stays.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from grader import memory
from grader.errors import GraderFault
from leaderboard.locks import create_held, if_abandoned

PREFIX: Final = "grader-"
LOCK: Final = ".lock"


@contextlib.contextmanager
def workspace(base: Path | None = None) -> Iterator[Path]:
    """Make a private folder, and remove it at the end, whatever is in it.

    Before, what dead gradings left is removed, also from where plain text of sealed challenges lies.
    Raises GraderFault where no folder can be made. `base`: where [default: the temporary folder].
    """
    base = base or Path(tempfile.gettempdir())
    for place in dict.fromkeys([base, *memory.places()]):
        sweep(place)
    try:
        lock, folder = _make(base)
    except OSError as error:
        raise GraderFault(
            f"Cannot make a folder in {base}: {error.strerror or error}. "
            "Free some space, or name another folder with TMPDIR."
        ) from error
    try:
        yield folder
    finally:
        _remove_both(folder)
        lock.close()


def sweep(base: Path | None = None) -> list[Path]:
    """Remove the folders of dead gradings of this user; returns those that are gone."""
    base = Path(tempfile.gettempdir()) if base is None else base
    try:
        locks = list(base.glob(f"{PREFIX}*{LOCK}"))
    except OSError:
        return []
    gone = []
    for lock in locks:
        with if_abandoned(lock) as abandoned:
            if abandoned and _remove_both(lock.with_suffix("")):
                gone.append(lock.with_suffix(""))
    return gone


def _make(base: Path) -> tuple[BinaryIO, Path]:
    while True:
        folder = base / f"{PREFIX}{secrets.token_hex(8)}"
        with contextlib.suppress(FileExistsError):
            lock = create_held(_lock_of(folder))
            try:
                folder.mkdir(0o700)
            except BaseException:
                _lock_of(folder).unlink(missing_ok=True)
                lock.close()
                raise
            return lock, folder


def _lock_of(folder: Path) -> Path:
    return folder.with_name(folder.name + LOCK)


def _remove_both(folder: Path) -> bool:
    """Remove the folder, then its lock; a folder that resists keeps its lock, for the next sweep."""
    remove_tree(folder)
    if os.path.lexists(folder):
        return False
    with contextlib.suppress(OSError):
        _lock_of(folder).unlink()
    return True


def remove_tree(folder: Path) -> None:
    """Remove a folder of any depth, as far as the system lets us; raises nothing.

    A hand-in may have nested folders deeper than a path may be long or a recursion deep, so what lies
    in a subfolder is moved up before the subfolder is removed. Links are not followed.
    """
    if not _is_folder(folder):
        with contextlib.suppress(OSError):
            folder.unlink()
        return
    number = 0
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        for entry in _entries(here):
            if not _is_folder(entry):
                with contextlib.suppress(OSError):
                    entry.unlink()
            elif here == folder:
                waiting.append(entry)
            else:
                number += 1
                with contextlib.suppress(OSError):
                    entry.chmod(0o700)
                    waiting.append(entry.rename(folder / f"{number}-{secrets.token_hex(8)}"))
        if here != folder:
            with contextlib.suppress(OSError):
                here.rmdir()
    with contextlib.suppress(OSError):
        folder.rmdir()


def _is_folder(path: Path) -> bool:
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def _entries(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        # A hand-in may have taken our right to list it.
        folder.chmod(0o700)
        return list(folder.iterdir())
    return []
