"""Opens sealed challenges: their plain text lies in a private folder in memory while this process lives.

The folder goes with the process, also when that is asked to end. After a SIGKILL the next grading
sweeps it away.
"""

from __future__ import annotations

import atexit
import contextlib
import signal
import threading
from pathlib import Path

from grader import keyring, memory, sealed, sweeping
from grader.errors import GraderFault, SealedError

_lock = threading.Lock()
_until_the_end = contextlib.ExitStack()
_opened: dict[Path, Path] = {}


def opened(folder: Path) -> Path:
    """Return a private folder with everything of a sealed challenge; the same one each time.

    Raises SealedError where no key is given or it does not fit, and what `sealed.decrypt` raises.
    """
    folder = folder.resolve()
    with _lock:
        if folder not in _opened:
            _opened[folder] = _open(folder)
        return _opened[folder]


def decrypted(folder: Path) -> bytes:
    """Return the tar of a sealed challenge, in memory."""
    key = keyring.identity()
    if key is None:
        raise SealedError(
            f"Challenge {folder.name} is sealed, and no key is given: put the identity into the variable "
            f"{keyring.KEY}, or name its file with --key-file or {keyring.KEY_FILE}."
        )
    return sealed.decrypt(folder / sealed.FILE, *key)


def close() -> None:
    """Remove the plain text of all challenges that are open."""
    with _lock:
        _opened.clear()
        _until_the_end.close()


atexit.register(close)


def _open(folder: Path) -> Path:
    tar = decrypted(folder)
    _end_in_order()
    with contextlib.ExitStack() as stack:
        room = stack.enter_context(sweeping.workspace(memory.folder()))
        try:
            target = _written(tar, folder, room / folder.name)
        except OSError as error:
            raise GraderFault(
                f"{folder.name} cannot be opened in {room.parent}: {error.strerror or error}. "
                "Give that file system more room (Docker: --shm-size)."
            ) from error
        _until_the_end.push(stack.pop_all())
    return target


def _written(tar: bytes, folder: Path, target: Path) -> Path:
    target.mkdir(0o700)
    sealed.unpack(tar, folder / sealed.FILE, target)
    sealed.copy_public(folder, target)
    return target


def _end_in_order() -> None:
    """Have SIGTERM and SIGHUP, which a CI sends, unwind this process as Ctrl-C does."""

    def leave(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        return
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, leave)
