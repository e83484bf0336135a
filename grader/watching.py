"""A hand-in as it changes on disk: each version of it once, when its writer has settled.

Editors write in many ways: over the file, beside it and renamed over it, or by removing it first. So it
is the folder that is watched, and the content that decides whether anything is new.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from threading import Event
from typing import Final, TypeAlias

import msgspec
import watchfiles

from grader import submission as submissions
from grader.errors import HandInError
from grader.submission import SKIPPED, Submission

DEBOUNCE_MS: Final = 40
STEP_MS: Final = 10
# A file system that tells nothing (a network's, some containers') is looked at as often as this.
LOOK_EVERY_MS: Final = 500
RETRY_S: Final = 0.25
# Between removing a file and writing it again, some editors take this long.
GRACE_S: Final = 0.1


class Unreadable(msgspec.Struct, frozen=True):
    """Something lies there that cannot be handed in: empty, not text, too large."""

    reason: str


class Missing(msgspec.Struct, frozen=True):
    """Nothing lies there."""

    reason: str


Version: TypeAlias = Submission | Unreadable | Missing


class _Root(msgspec.Struct, frozen=True):
    """The folder that is watched, and which one of that name it is."""

    path: Path
    recursive: bool
    device: int
    inode: int


class WatchedFile:
    """The hand-in at a path: a file, or a folder of Python files."""

    def __init__(self, path: Path, starter_name: str) -> None:
        self.path = path
        # The current folder may be removed too, and made again.
        self._absolute = path.absolute()
        self._starter_name = starter_name

    def versions(self, stopped: Event) -> Iterator[Version]:
        """Yield what lies there now, and then whatever differs from what was yielded last."""
        last = ""
        for _ in self._stirs(stopped):
            version = self._settled(stopped)
            key = version.sha256 if isinstance(version, Submission) else repr(version)
            if key != last:
                last = key
                yield version

    def _settled(self, stopped: Event) -> Version:
        version = self.look()
        if not isinstance(version, Submission) and not stopped.wait(GRACE_S):
            version = self.look()
        return version

    def look(self) -> Version:
        """Return what lies there now."""
        try:
            return submissions.read(str(self._absolute), self._starter_name)
        except HandInError as error:
            if os.path.lexists(self._absolute):
                return Unreadable(str(error))
        if self._absolute.parent.is_dir():
            return Missing(f"{self.path} is not there. Waiting for it.")
        return Missing(f"The folder of {self.path} is not there. Waiting for it.")

    def _stirs(self, stopped: Event) -> Iterator[None]:
        """Yield at once, and whenever something may have changed."""
        while not stopped.is_set():
            root = self._root()
            yield
            if root is not None:
                yield from self._stirs_below(root, stopped)
            stopped.wait(RETRY_S)

    def _stirs_below(self, root: _Root, stopped: Event) -> Iterator[None]:
        """Yield until another folder, or none, is to be watched, or this one cannot be."""
        told = watchfiles.watch(
            root.path,
            watch_filter=self._concerns,
            debounce=DEBOUNCE_MS,
            step=STEP_MS,
            stop_event=stopped,
            rust_timeout=LOOK_EVERY_MS,
            yield_on_timeout=True,
            recursive=root.recursive,
            ignore_permission_denied=True,
        )
        try:
            for _ in told:
                yield
                if self._root() != root:
                    return
        except (OSError, RuntimeError):
            # The folder went away, or the system has no watch left: then it is looked at now and then.
            # What watchfiles raises for that has no public name but its parent's, RuntimeError.
            return

    def _root(self) -> _Root | None:
        recursive = self._absolute.is_dir()
        path = self._absolute if recursive else self._absolute.parent
        try:
            status = path.stat()
        except (OSError, ValueError):
            return None
        return _Root(path, recursive, status.st_dev, status.st_ino)

    def _concerns(self, change: watchfiles.Change, path: str) -> bool:
        if Path(path).name == self._absolute.name:
            return True
        try:
            parts = Path(path).relative_to(self._absolute).parts
        except ValueError:
            return False
        return not any(part.startswith(".") or part in SKIPPED for part in parts)
