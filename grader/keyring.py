"""Secrets of the trusted side: taken out of the environment once, and held by this process alone.

Whatever is started later inherits none of them: neither the judge, nor a worker, nor git.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from pathlib import Path
from typing import Final

from grader.errors import UsageError
from grader.privacy import be_unreadable

KEY: Final = "GRADER_KEY"
KEY_FILE: Final = "GRADER_KEY_FILE"
SIGNING_KEY: Final = "GRADER_SIGNING_KEY"
NAMES: Final = (KEY, KEY_FILE, SIGNING_KEY)
MAX_FILE: Final = 1 << 16

_held: dict[str, str] = {}


def take() -> None:
    """Take the secrets out of the environment, and close this process to others if there was one."""
    for name in NAMES:
        value = os.environ.get(name)
        if value is not None:
            _blank(name)
            del os.environ[name]
            # A CI sets a secret that a job may not have to nothing.
            if value.strip():
                _held[name] = value
    if _held:
        be_unreadable()


def use_file(path: str) -> None:
    """Take the age identity from this file, whatever the environment says."""
    _held.pop(KEY, None)
    _held[KEY_FILE] = path
    be_unreadable()


def use_signing_file(path: str) -> None:
    """Take the signing key from this file, whatever the environment says."""
    _held[SIGNING_KEY] = _read(Path(path))
    be_unreadable()


def forget() -> None:
    """Let go of everything."""
    _held.clear()


def identity() -> tuple[str, str] | None:
    """Return the text of the age identity and where it comes from, if there is one."""
    take()
    if KEY in _held:
        return _held[KEY], KEY
    if KEY_FILE in _held:
        return _read(Path(_held[KEY_FILE])), _held[KEY_FILE]
    return None


def signing() -> str | None:
    """Return the text of the signing key, if there is one."""
    take()
    return _held.get(SIGNING_KEY)


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(MAX_FILE).decode("utf-8")
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text"
        raise UsageError(f"The key file {path} cannot be read: {why}.") from None


def _blank(name: str) -> None:
    """Overwrite a variable where the kernel still shows it: /proc/<pid>/environ outlives `del`."""
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.getenv.restype = ctypes.c_void_p
        place = libc.getenv(os.fsencode(name))
        if place:
            ctypes.memset(place, ord("-"), len(ctypes.string_at(place)))
