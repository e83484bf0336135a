"""The loop of an event: look, take in, grade, store, and begin again.

Whatever happens is on disk before the next thing happens: a hand-in is in the queue before it is graded,
and its score in the store before it leaves the queue. A run that was killed goes on where it was.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec
import watchfiles

from grader.challenge import Challenge
from grader.errors import GraderError, GraderFault
from grader.events.clock import Clock, utc_now
from grader.events.desk import Desk, Grades, Terms, Voice
from grader.events.first_seen import FirstSeen
from grader.events.folder import EventFolder, Rules, plural, read_rules, signature_of
from grader.events.inbox import Inbox
from grader.events.intake import Intake
from grader.events.paging import Paging
from grader.events.pushes import Pushes
from grader.events.taking_turns import Turns
from grader.events.waiting import Arrival, Key, Queue, key_of_score, unfinished
from leaderboard.errors import LeaderboardError
from leaderboard.store import Store, StoredScore

DEBOUNCE_MS: Final = 100
STOPS_WITHIN_MS: Final = 300


class Plan(msgspec.Struct, frozen=True):
    """How a run looks and when it ends. Times in seconds."""

    extra: Sequence[Challenge] = ()
    """Challenges that the kit does not hold."""
    once: bool = False
    """It ends when all that is there has a score."""
    until_closed: bool = False
    """It ends when the event has closed, and takes nothing that comes later."""
    quiet_s: float = 2.0
    """A file or the tip of a branch is taken when it has not changed for so long."""
    look_every_s: float = 0.5


class Run:
    """One run of an event; all its state belongs to the thread that calls `run`."""

    def __init__(
        self,
        folder: EventFolder,
        rules: Rules,
        plan: Plan,
        terms: Terms,
        grades: Grades,
        paging: Paging,
        voice: Voice,
    ) -> None:
        self.rules = rules
        self._folder = folder
        self._plan = plan
        self._paging = paging
        self._voice = voice
        self._stirred = threading.Event()
        self._began: datetime | None = None
        queue, store, turns = Queue(folder.queue, folder.graded), Store(folder.scores), Turns()
        store.sweep()
        waiting, known = remember(queue, store, voice.say)
        self._seen = FirstSeen(folder.seen)
        clock = Clock(folder.last_look(), self._seen.when)
        inbox = Inbox(folder.inbox, clock, plan.quiet_s, voice.say)
        pushes = Pushes(folder.repository, clock, plan.quiet_s, voice.say)
        self._intake = Intake(inbox, pushes, queue, turns, known, voice.say)
        self.desk = Desk(terms, grades, turns, queue, store, voice, self._stirred.set)
        for arrival in waiting:
            self._intake.let_wait(arrival, rules)

    def run(self, halt: threading.Event) -> None:
        """Run until halted, or until all is done where the plan says so."""
        if self.desk.pending:
            self._voice.say(f"{plural(self.desk.pending, 'hand-in')} wait from before.")
        with stirring(self._folder, self._stirred):
            try:
                while not halt.is_set():
                    self._again()
                    if self._is_over():
                        break
                    self._stirred.wait(self._plan.look_every_s)
                    self._stirred.clear()
            finally:
                halt.set()
                self.desk.close(self.rules)
                self._paging.close()

    def _again(self) -> None:
        self._read_rules_again()
        if self._intake.look(self.rules, self._end()):
            self._stirred.set()
        self._seen.keep(self._intake.waiting())
        self._folder.looked()
        self._began = self._began or utc_now()
        before = self.desk.recorded
        self.desk.collect(self.rules)
        self.desk.begin(self.rules)
        if self.desk.recorded > before:
            self._paging.changed()

    def _end(self) -> datetime | None:
        """The moment from which on nothing is taken in, if there is one."""
        return self.rules.event.closes if self._plan.until_closed else None

    def _is_over(self) -> bool:
        end = self._end()
        closed = end is not None and utc_now() >= end
        if not self._plan.once and not closed:
            return False
        # A file that is changed again and again keeps no run from its end.
        return not self.desk.pending and not self._intake.restless(end or self._began)

    def _read_rules_again(self) -> None:
        signature = signature_of(self._folder.rules)
        if signature == self.rules.signature:
            return
        try:
            self.rules = read_rules(self._folder, self._plan.extra)
        except (LeaderboardError, GraderError) as error:
            self._voice.say(f"{error}\nThe rules from before hold until that is mended.")
            self.rules = msgspec.structs.replace(self.rules, signature=signature)
        else:
            self._voice.say(f"{self._folder.rules} was read again.")
            self._paging.changed()


def remember(
    queue: Queue, store: Store, say: Callable[[str], None]
) -> tuple[list[Arrival], set[Key]]:
    """Return what waits in the queue, and the keys of what has a score; that leaves the queue."""
    known: set[Key] = set()
    done: set[tuple[str, str]] = set()
    for one in store.each():
        if isinstance(one, StoredScore):
            if one.score.status != "grader_fault":
                known.add(key_of_score(one.score))
            done.add((one.score.team, one.score.id))
        else:
            say(f"skipped {one}")
    arrivals, strange = queue.read()
    for name in strange:
        say(
            f"queue/{name} is damaged and left alone. If its team handed it in again, nothing is lost."
        )
    for arrival in arrivals:
        if (arrival.team, arrival.id) in done:
            # Where the disk does not take it, it stays and is no harm.
            with contextlib.suppress(GraderFault):
                queue.done(arrival)
    return unfinished(arrivals, done), known


@contextlib.contextmanager
def stirring(folder: EventFolder, stirred: threading.Event) -> Iterator[None]:
    """Set the event whenever something may have changed; where the system tells nothing, it stays unset."""
    stopped = threading.Event()
    refs = folder.repository / "refs"
    watched = [path for path in (folder.inbox, refs) if path.is_dir()]
    thread = threading.Thread(target=_stir, args=(watched, stirred, stopped), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def _stir(folders: list[Path], stirred: threading.Event, stopped: threading.Event) -> None:
    # What watchfiles raises when the system has no watch left has no public name but RuntimeError.
    with contextlib.suppress(OSError, RuntimeError):
        for _ in watchfiles.watch(
            *folders,
            watch_filter=None,
            debounce=DEBOUNCE_MS,
            stop_event=stopped,
            rust_timeout=STOPS_WITHIN_MS,
            ignore_permission_denied=True,
        ):
            stirred.set()
