"""Makes the pages again whenever the store or the rules change, as long as they are served."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, TypeAlias

import watchfiles

from leaderboard.errors import LeaderboardError
from leaderboard.page.server import PageServer
from leaderboard.store import Store

DEBOUNCE_MS: Final = 300
STEP_MS: Final = 50
# Rules may lie anywhere and be renamed over; and what no system tells of, such as a folder that was
# removed and made again, is looked at as often as this.
LOOK_EVERY_MS: Final = 1000
PAUSE: Final = 3
"""After a build, so many times as long as it took."""
BLIND_S: Final = 5.0
"""How often the pages are made where nothing can be watched."""

Build: TypeAlias = Callable[[], tuple[Sequence[Path], str]]
"""Makes the pages, and returns them with the stamp that they carry."""
Stamp: TypeAlias = tuple[tuple[int, int, int, int] | None, ...]


def serve(
    server: PageServer,
    store: Store,
    rules: Sequence[Path],
    build: Build,
    tell: Callable[[str], None],
    stopped: threading.Event,
) -> None:
    """Serve until `stopped` is set; what a build cannot do is told, and the pages before it stay.

    `rules` are the files that may hold the event.
    """
    thread = threading.Thread(target=server.serve_forever, name="pages", daemon=True)
    thread.start()
    try:
        for _ in changes(store, rules, stopped):
            began = time.monotonic()
            try:
                server.publish(*build())
            except LeaderboardError as error:
                tell(str(error))
            # The gradings that make the news need the machine too, whatever the size of the pages.
            stopped.wait(PAUSE * (time.monotonic() - began))
    finally:
        server.close()
        thread.join()


def changes(store: Store, rules: Sequence[Path], stopped: threading.Event) -> Iterator[None]:
    """At once, and whenever a record has come or gone, or a file of rules is another."""
    while not stopped.is_set():
        # What is not there cannot be watched.
        store.path.mkdir(parents=True, exist_ok=True)
        root, seen = _stamp([store.path], whole=False), _stamp(rules)
        yield
        # For what came before the watch stood.
        again = True
        try:
            for changed in _ticks(store.path, stopped):
                if _stamp([store.path], whole=False) != root:
                    break
                now = _stamp(rules)
                if changed or again or now != seen:
                    seen = now
                    yield
                # What was written into a new folder before it was watched is told by nobody.
                again = any(Path(path).is_dir() for _, path in changed)
        except (OSError, RuntimeError):
            # The system has no watch left, which watchfiles tells by a RuntimeError's nameless child.
            stopped.wait(BLIND_S)


def _ticks(folder: Path, stopped: threading.Event) -> Iterator[set[tuple[watchfiles.Change, str]]]:
    """What has changed, soon after it did; and an empty set now and then."""
    return watchfiles.watch(
        folder,
        watch_filter=_is_record,
        debounce=DEBOUNCE_MS,
        step=STEP_MS,
        stop_event=stopped,
        rust_timeout=LOOK_EVERY_MS,
        yield_on_timeout=True,
        ignore_permission_denied=True,
    )


def _is_record(change: watchfiles.Change, path: str) -> bool:
    """Whether a file is more than one that a writer is at."""
    return not Path(path).name.startswith(".")


def _stamp(paths: Sequence[Path], whole: bool = True) -> Stamp:
    """What tells a file, or only which folder it is, from another at the same place."""
    found: list[tuple[int, int, int, int] | None] = []
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            found.append(None)
            continue
        changed = (status.st_mtime_ns, status.st_size) if whole else (0, 0)
        found.append((status.st_dev, status.st_ino, *changed))
    return tuple(found)
