"""Files that say whether their owner lives: it holds a lock on them, which ends with the process.

Neither an age nor a process number can say that for certain. Where there are no such locks (Windows,
some network file systems), nothing is ever taken for abandoned.
"""

import contextlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

try:
    import fcntl
except ImportError:
    fcntl = None  # type: ignore[assignment]


def create_held(path: Path, data: bytes = b"") -> BinaryIO:
    """Create a file with this content, durably, and hold its lock until it is closed.

    Raises FileExistsError where the name is taken, also by somebody who took the new file for an
    abandoned one before its lock was held: try another name. Where there are no locks, the file is
    closed already.
    """
    file = path.open("xb")
    try:
        _lock(file, wait=True)
        if not _is_at(file, path):
            raise FileExistsError(path)
        if data:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        if _is_at(file, path):
            path.unlink()
        file.close()
        raise
    if fcntl is None:
        # Windows neither renames nor removes a file that is open.
        file.close()
    return file


@contextlib.contextmanager
def if_abandoned(path: Path) -> Iterator[bool]:
    """Whether the file's owner is dead; while the block runs, nobody else is told that it is.

    False for what is no file of this user's own.
    """
    file = _open_own(path) if fcntl else None
    if file is None:
        yield False
        return
    with file:
        yield _lock(file, wait=False) and _is_at(file, path)


def _open_own(path: Path) -> BinaryIO | None:
    try:
        # A pipe would wait for a writer, and a link leads elsewhere.
        descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    file = os.fdopen(descriptor, "rb", buffering=0)
    status = os.fstat(descriptor)
    if stat.S_ISREG(status.st_mode) and status.st_uid == os.getuid():
        return file
    file.close()
    return None


def _lock(file: BinaryIO, wait: bool) -> bool:
    if fcntl is None:
        return False
    try:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError:
        # Held by another, or a file system without locks: then nobody can hold one.
        return False
    return True


def _is_at(file: BinaryIO, path: Path) -> bool:
    """Whether the open file still has this name: it may have been removed before it was locked."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), os.lstat(path))
    except FileNotFoundError:
        return False
