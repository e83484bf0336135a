"""The page of standings, built beside the gradings: one build at a time, the last after the last score."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from grader.events.clock import utc_now
from grader.events.folder import EventFolder
from leaderboard.event import load_event
from leaderboard.store import Store

Build = Callable[[], None]

PAUSE: Final = 3
"""After a build, so many times as long as it took: most of the time is for gradings, whatever the page."""


def page_builder(folder: EventFolder) -> Build:
    """Return what builds the page of an event."""
    # Templates take time to load, and no command but this one needs them.
    from leaderboard.page.build import build as build_pages

    def build() -> None:
        scores, _ = Store(folder.scores).read()
        build_pages(scores, load_event(folder.rules), folder.page, utc_now())

    return build


class Paging:
    """Builds in a thread of its own whenever the scores have changed."""

    def __init__(self, build: Build | None, say: Callable[[str], None]) -> None:
        self._build = build
        self._say = say
        self._changed = threading.Event()
        self._ending = threading.Event()
        self._told = ""
        self._thread = threading.Thread(target=self._run, name="page", daemon=True)
        if build is not None:
            self._thread.start()

    def changed(self) -> None:
        """There is a new score, or another rule."""
        self._changed.set()

    def close(self) -> None:
        """Build once more if anything has changed, and end."""
        self._ending.set()
        self._changed.set()
        if self._build is not None:
            self._thread.join()

    def _run(self) -> None:
        is_last = False
        while not is_last:
            self._changed.wait()
            self._changed.clear()
            # Looked at after that: what is told at the end is never cleared unseen.
            is_last = self._ending.is_set()
            began = time.monotonic()
            self._try()
            self._ending.wait(PAUSE * (time.monotonic() - began))

    def _try(self) -> None:
        told = ""
        try:
            if self._build is not None:
                self._build()
        except Exception as error:
            # A page that cannot be built must not end the event.
            told = f"The page was not built: {error}"
        if told and told != self._told:
            self._say(told)
        self._told = told
