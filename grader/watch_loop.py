"""The learner's loop: a save, a grading, a verdict; and what the keys do in between.

Everything that happens comes through one queue: versions from the thread that watches the file, progress
and scores from the pool's, keys from the terminal's, and signals. So all state belongs to one thread.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Final, TypeAlias

import msgspec

from grader import challenge as challenges
from grader import keys, starting
from grader.challenge import Challenge
from grader.errors import GraderError, GradingStopped, HandInError, ScreenGone
from grader.following import ProgressLine
from grader.grading import Attempt, unread
from grader.pool import Pool
from grader.submission import Submission
from grader.warm import LostError
from grader.watch_screen import Screen, View
from grader.watch_state import State
from grader.watching import Missing, Unreadable, Version, WatchedFile
from leaderboard.errors import StoreWriteError
from leaderboard.score import Score

LISTEN_S: Final = 0.5


class Setting(msgspec.Struct, frozen=True):
    """What stays the same from one challenge to the next."""

    attempt: Callable[[Challenge], Attempt]
    """How a hand-in to a challenge is graded."""
    fault: Callable[[OSError], GraderError]
    """Words for what this machine cannot do."""
    save: Callable[[Score], str] | None = None
    """Keeps a score, and returns where."""
    warning: str = ""
    with_keys: bool = False
    view: Callable[[Score], Score] = lambda score: score
    """What is shown of a score."""


class Seen(msgspec.Struct, frozen=True):
    """Another version of a file; `watch` tells the files apart that were watched."""

    watch: int
    version: Version


class Told(msgspec.Struct, frozen=True):
    """How far a grading is."""

    grading: int
    text: str


class Ended(msgspec.Struct, frozen=True):
    """A grading is over."""

    grading: int
    future: Future[Score]


class Pressed(msgspec.Struct, frozen=True):
    """A key."""

    key: str


class Resized(msgspec.Struct, frozen=True):
    """The terminal has another size, or was used by others in between."""


class Quit(msgspec.Struct, frozen=True):
    """A signal asks for the end."""


class Broken(msgspec.Struct, frozen=True):
    """The thread that watches the file has failed."""

    error: Exception


Happening: TypeAlias = Seen | Told | Ended | Pressed | Resized | Quit | Broken
Queue: TypeAlias = "SimpleQueue[Happening]"


class _Grading(ProgressLine):
    """A grading that can be called off."""

    def __init__(self, number: int, source: Submission, queue: Queue) -> None:
        super().__init__(lambda text: queue.put(Told(number, text)))
        self.number = number
        self.source = source
        self._queue = queue
        self._future: Future[Score] | None = None
        self._off = False

    def begin(self, pool: Pool, attempt: Attempt) -> None:
        """Have the pool grade."""
        self._future = pool.submit(self.source, attempt, self)
        self._future.add_done_callback(lambda done: self._queue.put(Ended(self.number, done)))

    def stopped(self) -> bool:
        """Whether it was called off."""
        return self._off

    def call_off(self) -> None:
        """Have it end without a score."""
        self._off = True
        if self._future is not None:
            self._future.cancel()


class _Files:
    """Watches one file at a time, in a thread."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._thread: threading.Thread | None = None
        self._stop = threading.Event()
        self.number = 0

    def watch(self, path: Path, challenge: Challenge) -> None:
        """Watch this file, and no other any more."""
        self.close()
        self.number += 1
        self._stop = threading.Event()
        file = WatchedFile(path, challenge.file_name)
        arguments = (file, self.number, self._stop)
        self._thread = threading.Thread(target=self._run, args=arguments, name="file", daemon=True)
        self._thread.start()

    def _run(self, file: WatchedFile, number: int, stop: threading.Event) -> None:
        try:
            for version in file.versions(stop):
                self._queue.put(Seen(number, version))
        except Exception as error:
            # Whatever it is: a watch that sees nothing any more must not look like one that works.
            self._queue.put(Broken(error))

    def close(self) -> None:
        """Watch nothing."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None


class Loop:
    """Grades what is saved until somebody ends it."""

    def __init__(self, pool: Pool, screen: Screen, setting: Setting, queue: Queue) -> None:
        self._pool, self._screen, self._setting, self._queue = pool, screen, setting, queue
        self._files = _Files(queue)
        self._state: State
        self._grading: _Grading | None = None
        self._count = 0
        self._fault: GraderError | None = None
        self._warming: dict[str, threading.Thread] = {}

    def run(self, challenge: Challenge, path: Path) -> Score | None:
        """Watch the file of a challenge; returns the last verdict, if there was one.

        Raises the fault that came in the place of the last verdict.
        """
        try:
            self._watch(challenge, path)
            while self._handled(self._next()):
                pass
            self._screen.close()
        except ScreenGone:
            # Who reads no more wants no words about it.
            self._fault = None
        if self._fault is not None:
            raise self._fault
        return self._state.score

    def close(self) -> None:
        """Watch nothing any more, and call off what is being graded."""
        self._files.close()
        self._call_off()
        for thread in self._warming.values():
            thread.join()

    def _next(self) -> Happening:
        while True:
            try:
                return self._queue.get(timeout=LISTEN_S)
            except Empty:
                if self._screen.gone():
                    raise ScreenGone("Nobody reads the verdicts any more.") from None

    def _handled(self, happening: Happening) -> bool:
        """Do what has to be done; returns whether to go on."""
        match happening:
            case Quit():
                return False
            case Pressed(key):
                return self._pressed(key)
            case Broken(error):
                raise error
            case Resized():
                self._redraw()
            case Seen(number, version) if number == self._files.number:
                self._seen(version)
            case Told(number, text) if self._is_current(number):
                self._screen.status(text)
            case Ended(number, future) if self._is_current(number):
                self._ended(future)
        return True

    def _is_current(self, grading: int) -> bool:
        return self._grading is not None and self._grading.number == grading

    # What lies on disk.

    def _watch(self, challenge: Challenge, path: Path) -> None:
        self._call_off()
        self._state = State(challenge, path)
        self._files.watch(path, challenge)
        self._screen.status("reading …")
        self._redraw()

    def _seen(self, version: Version) -> None:
        state = self._state
        state.version, state.note = version, ""
        self._call_off()
        match version:
            case Missing(reason):
                state.note = reason
                self._idle()
                self._redraw()
                self._warm()
            case Unreadable(reason):
                attempt = self._setting.attempt(state.challenge)
                self._verdict(unread(str(state.path), attempt, HandInError(reason)), None)
                self._warm()
            case Submission() if state.has_verdict_on(version):
                self._idle()
                self._redraw()
            case Submission():
                self._grade(version)

    def _warm(self) -> None:
        """Use the time until the first hand-in that can be graded."""
        challenge = self._state.challenge
        cold = self._setting.attempt(challenge).device.startswith("cuda")
        if challenge.key not in self._warming and not cold:
            thread = threading.Thread(target=self._warmed, args=(challenge,), daemon=True)
            self._warming[challenge.key] = thread
            thread.start()

    def _warmed(self, challenge: Challenge) -> None:
        # What is wrong comes up again with the first grading, and has its words there.
        with contextlib.suppress(GraderError, LostError, OSError):
            self._pool.warm(challenge)

    # Gradings.

    def _grade(self, source: Submission) -> None:
        self._call_off()
        self._count += 1
        self._screen.status("grading …" if self._state.score else "starting judge and worker …")
        self._grading = _Grading(self._count, source, self._queue)
        self._grading.begin(self._pool, self._setting.attempt(self._state.challenge))

    def _call_off(self) -> None:
        if self._grading is not None:
            self._grading.call_off()
            self._grading = None

    def _ended(self, future: Future[Score]) -> None:
        grading, self._grading = self._grading, None
        try:
            score = future.result()
        except (GradingStopped, CancelledError):
            return
        except GraderError as error:
            self._failed(error)
        except OSError as error:
            self._failed(self._setting.fault(error))
        else:
            self._verdict(score, grading.source if grading else None)

    def _failed(self, error: GraderError) -> None:
        self._fault = error
        self._state.note = str(error)
        self._idle()
        self._redraw()

    def _verdict(self, score: Score, source: Submission | None) -> None:
        state = self._state
        self._fault = None
        state.take(self._setting.view(score), source)
        state.saved, state.note = "", ""
        if self._setting.save is not None and score.status != "grader_fault":
            try:
                state.saved = self._setting.save(score)
            except StoreWriteError as error:
                state.note = f"This score was not saved: {error}"
        self._idle()
        self._screen.verdict(self._view())

    # What is shown, and the keys.

    def _idle(self) -> None:
        score = self._state.score
        when = f"  (verdict of {score.graded_at.astimezone():%H:%M:%S})" if score else ""
        self._screen.status(f"watching {self._state.path}{when}")

    def _redraw(self) -> None:
        self._screen.redraw(self._view())

    def _view(self) -> View:
        return self._state.view(self._setting.warning, self._setting.with_keys)

    def _pressed(self, key: str) -> bool:
        state = self._state
        offered, state.offered = state.offered, False
        if key in ("q", keys.END):
            return False
        if key not in ("h", "d", "n", keys.ENTER, keys.ESCAPE):
            return True
        state.note = state.version.reason if isinstance(state.version, Missing) else ""
        match key:
            case keys.ENTER if isinstance(state.version, Submission):
                self._grade(state.version)
            case "h":
                state.unfold_hint()
            case "d":
                state.turn_diff()
            case "n":
                self._go_on(offered)
            case keys.ESCAPE:
                state.fold()
        self._redraw()
        return True

    def _go_on(self, offered: bool) -> None:
        """Watch the file of the next challenge, which is made only when that was offered before."""
        state = self._state
        challenge = challenges.after(state.challenge)
        if challenge is None:
            state.note = f"{state.challenge.id} is the last challenge."
            return
        path = state.path.parent / starting.started_file(challenge)
        if not path.exists() and not offered:
            state.offered = True
            to = "" if path.parent == Path() else f" --to {path.parent}"
            state.note = (
                f"There is no {path} yet. `grader start {challenge.called}{to}` makes it; "
                "so does n, pressed again."
            )
            return
        try:
            if not path.exists():
                starting.start(challenge, path.parent)
        except (GraderError, OSError) as error:
            state.note = str(error)
        else:
            self._watch(challenge, path)
