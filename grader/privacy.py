"""Closes a trusted process to other processes of the same user."""

from __future__ import annotations

import contextlib
import ctypes
import sys

PR_SET_DUMPABLE = 4


def be_unreadable() -> None:
    """On Linux, deny others this process's memory and descriptors under /proc, and tracing (prctl(2)).

    For judge and supervisor: behind the weak wall nothing else stands between them and the hand-in.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
