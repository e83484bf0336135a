"""Orphans of a walled process: they come to the supervisor, who knows them by a mark."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys

import psutil

PR_SET_CHILD_SUBREAPER = 36
MARK = "GRADER_WORKER"


def adopt_orphans() -> None:
    """On Linux, become the parent of orphaned grandchildren, so that a double fork cannot hide."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def marked_children(token: str) -> list[psutil.Process]:
    """Return this process's children that were started with the mark, on Linux."""
    if sys.platform != "linux":
        return []
    return [child for child in psutil.Process().children() if _is_marked(child, token)]


def session_members(leader: int, token: str) -> list[psutil.Process]:
    """Return the living besides its leader that are in a session or were started with the mark, on Linux.

    They descend from this process. Orphans among them that have ended are reaped: nobody else can.
    """
    if sys.platform != "linux":
        return []
    others = [one for one in psutil.Process().children(recursive=True) if one.pid != leader]
    members = [one for one in others if _session(one) == leader or _is_marked(one, token)]
    return [one for one in members if not _reaped(one)]


def _reaped(process: psutil.Process) -> bool:
    with contextlib.suppress(OSError):
        return os.waitpid(process.pid, os.WNOHANG)[0] != 0
    return False


def _session(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except OSError:
        return None


def _is_marked(process: psutil.Process, token: str) -> bool:
    try:
        return process.environ().get(MARK) == token
    except (psutil.Error, OSError):
        return False
