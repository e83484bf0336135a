"""The pages on disk: each written whole or not at all, and nothing removed that is not ours.

The folder holds a list of the pages that were made. A folder with anything else in it is refused, so
a slip in a command never mixes pages into somebody's files. The list is written before the pages and
after them; a build that was killed leaves nothing that the next one would take for a stranger's.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from leaderboard.errors import PageError
from leaderboard.event import Event
from leaderboard.locks import create_held, if_abandoned
from leaderboard.page.gather import gather
from leaderboard.page.names import INDEX, OURS
from leaderboard.page.render import render
from leaderboard.score import Score
from leaderboard.text import printable

MANIFEST = ".pages.json"
_TEMPORARY = ".grader-page-"
_LOCK = f"{_TEMPORARY}lock.tmp"
PATIENCE_S = 10.0
"""How long one build waits for another in the same folder."""


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """Which pages are ours."""

    pages: tuple[str, ...]


def build(
    scores: Iterable[Score],
    event: Event,
    out: Path,
    now: datetime,
    *,
    title: str = "",
    live: bool = False,
    revealed: bool = False,
) -> list[Path]:
    """Write all pages into a folder of their own, and return them, `index.html` first.

    The same scores, event and time give the same bytes, whatever the order. `revealed`: with what the
    event keeps back. Raises `PageError`.
    """
    pages = dict(render(gather(scores, event, now, title, revealed), live))
    try:
        out.mkdir(parents=True, exist_ok=True)
        with _alone(out):
            return _write(pages, out, _known(out))
    except OSError as error:
        raise PageError(
            printable(f"Cannot write the page to {out}: {error.strerror or error}. ")
            + "Free some space, mend the permissions, or name another folder with --out."
        ) from error


@contextlib.contextmanager
def _alone(out: Path) -> Iterator[None]:
    """While no other build is at work in the folder; what one that died has left is gone."""
    held = out / _LOCK
    file = _acquire(held)
    try:
        for path in out.glob(f"{_TEMPORARY}*.tmp"):
            if path != held:
                path.unlink()
        yield
    finally:
        held.unlink(missing_ok=True)
        file.close()


def _acquire(held: Path) -> BinaryIO:
    until = time.monotonic() + PATIENCE_S
    while True:
        with if_abandoned(held) as abandoned:
            if abandoned:
                held.unlink(missing_ok=True)
        try:
            return create_held(held)
        except FileExistsError:
            if time.monotonic() > until:
                raise PageError(
                    printable(
                        f"Another build is at work in {held.parent}. Wait for it, name another "
                    )
                    + f"folder with --out, or remove {held.name} there if there is none."
                ) from None
        time.sleep(0.02)


def _known(out: Path) -> set[str]:
    """The pages that an earlier build has left. Raises `PageError` if there is anything else."""
    known = _read_manifest(out / MANIFEST)
    foreign = [
        entry.name
        for entry in os.scandir(out)
        if entry.name not in known
        and entry.name != MANIFEST
        and not entry.name.startswith(_TEMPORARY)
    ]
    if foreign:
        raise PageError(
            printable(f"{out} holds {min(foreign)!r}, which no page of the kit is: ")
            + "name a new or empty folder with --out."
        )
    return known


def _write(pages: dict[str, bytes], out: Path, known: set[str]) -> list[Path]:
    _replace(out / MANIFEST, _manifest(known | pages.keys()))
    # Last the page that leads to the others, so that its links lead somewhere.
    new = [name for name in pages if not (out / name).exists()]
    try:
        for name in sorted(pages, key=lambda name: name == INDEX):
            _replace(out / name, pages[name])
    except OSError:
        # On a full disk the space is for scores.
        for name in new:
            (out / name).unlink(missing_ok=True)
        raise
    for name in known - pages.keys():
        (out / name).unlink(missing_ok=True)
    _replace(out / MANIFEST, _manifest(pages))
    return [out / name for name in pages]


def _replace(path: Path, data: bytes) -> None:
    """A reader sees the old file or the new one."""
    temporary = path.with_name(f"{_TEMPORARY}{secrets.token_hex(8)}.tmp")
    try:
        temporary.write_bytes(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _manifest(names: Iterable[str]) -> bytes:
    return msgspec.json.encode(Manifest(tuple(sorted(names))))


def _read_manifest(path: Path) -> set[str]:
    try:
        pages = msgspec.json.decode(path.read_bytes(), type=Manifest).pages
    except FileNotFoundError:
        return set()
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise PageError(
            printable(f"{path} is damaged, so it cannot be told which pages are ours: ")
            + "remove the folder, or name another with --out."
        ) from None
    # Whatever it says, nothing else is ever removed.
    return {name for name in pages if OURS.fullmatch(name)}
