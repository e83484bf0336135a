"""From the queue to the store: a hand-in is graded in its turn, and leaves after its score is stored."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import Final, Protocol

import msgspec

from grader.batch import nameless
from grader.challenge import Challenge, Limits
from grader.errors import GraderError, GraderFault, GradingStopped, HandInError
from grader.events.folder import Rules
from grader.events.taking_turns import Turns
from grader.events.waiting import Arrival, Queue
from grader.grading import Attempt, unread
from grader.submission import Submission
from leaderboard.errors import StoreWriteError
from leaderboard.score import Score
from leaderboard.store import Store

REST_S: Final = 5.0
LONGEST_REST_S: Final = 60.0
# A hand-in that failed so often by our fault is tried again, but nobody waits for it.
HOPELESS: Final = 3


class Terms(msgspec.Struct, frozen=True):
    """How hand-ins are graded."""

    device: str
    limits: Callable[[Challenge], Limits]


class Voice(Protocol):
    """Where it is told what happens."""

    def say(self, text: str) -> None:
        """Tell the organiser something."""
        ...

    def verdict(self, score: Score, arrival: Arrival, rules: Rules) -> None:
        """Tell of a score that is in the store."""
        ...


class Grades(Protocol):
    """What grades: benches, or what stands for them in a test."""

    @property
    def free(self) -> bool:
        """Whether it can begin another grading."""
        ...

    def begin(self, submission: Submission, attempt: Attempt) -> Future[Score]:
        """Begin a grading."""
        ...

    def close(self) -> None:
        """End all gradings."""
        ...


class Desk:
    """The gradings that run, and their ends."""

    def __init__(
        self,
        terms: Terms,
        grades: Grades,
        turns: Turns,
        queue: Queue,
        store: Store,
        voice: Voice,
        stir: Callable[[], None],
    ) -> None:
        self.recorded = 0
        self._terms = terms
        self._grades = grades
        self._turns = turns
        self._queue = queue
        self._store = store
        self._voice = voice
        self._stir = stir
        self._running: dict[Future[Score], Arrival] = {}
        self._unsaved: list[tuple[Arrival, Score]] = []
        self._resting: list[tuple[float, Arrival]] = []
        self._faults: dict[str, int] = {}

    @property
    def pending(self) -> int:
        """How many hand-ins will have a score if nothing stops the run."""
        resting = [one for _, one in self._resting if self._tries(one) < HOPELESS]
        return len(self._turns) + len(self._running) + len(self._unsaved) + len(resting)

    @property
    def faults(self) -> int:
        """How many hand-ins have no score by our fault."""
        return len(self._resting)

    def begin(self, rules: Rules) -> None:
        """Grade whose turn it is, as long as a slot is free."""
        now = time.monotonic()
        for rest in [one for one in self._resting if one[0] <= now]:
            self._resting.remove(rest)
            self._turns.add(rest[1], not rules.roster.lists(rest[1].team))
        # Scores that wait for space on the disk are enough to lose.
        while self._grades.free and not self._unsaved:
            arrival = self._turns.next()
            if arrival is None:
                break
            self._begin_one(arrival, rules)

    def collect(self, rules: Rules) -> None:
        """Store what has been graded."""
        unsaved, self._unsaved = self._unsaved, []
        for arrival, score in unsaved:
            self._save(arrival, score, rules, again=True)
        for future in [one for one in self._running if one.done()]:
            arrival = self._running.pop(future)
            try:
                score = future.result()
            except (CancelledError, GradingStopped):
                # It is in the queue for the next run.
                continue
            except (GraderError, OSError) as error:
                self._faulted(arrival, str(error))
                continue
            if score.status == "grader_fault":
                self._faulted(arrival, score.message)
            else:
                self._save(arrival, score, rules)

    def close(self, rules: Rules) -> None:
        """Stop the gradings, and store what was done before that."""
        self._grades.close()
        self.collect(rules)

    def _begin_one(self, arrival: Arrival, rules: Rules) -> None:
        challenge = rules.challenges.get(arrival.challenge)
        if challenge is None:
            self._faulted(arrival, f"the event has no challenge {arrival.challenge} any more.")
            return
        attempt = Attempt(
            challenge,
            arrival.team,
            self._terms.device,
            limits=self._terms.limits(challenge),
            submitted_at=arrival.arrived,
        )
        if arrival.problem:
            error = HandInError(arrival.problem)
            self._save(arrival, unread(arrival.submission.name, attempt, error), rules)
            return
        future = self._grades.begin(nameless(arrival.submission, challenge), attempt)
        self._running[future] = arrival
        future.add_done_callback(lambda _: self._stir())

    def _save(self, arrival: Arrival, score: Score, rules: Rules, again: bool = False) -> None:
        try:
            self._store.add(score)
            self._queue.done(arrival)
        except (StoreWriteError, GraderFault) as error:
            if not again and not self._unsaved:
                self._voice.say(f"{error}\nNothing is lost: it goes on by itself after that.")
            self._unsaved.append((arrival, score))
            return
        self.recorded += 1
        self._voice.verdict(score, arrival, rules)

    def _tries(self, arrival: Arrival) -> int:
        return self._faults.get(arrival.file_name, 0)

    def _faulted(self, arrival: Arrival, message: str) -> None:
        """Our fault and not theirs: try again after a while, and a longer while each time."""
        tries = self._faults[arrival.file_name] = self._tries(arrival) + 1
        rest = min(REST_S * 2 ** (tries - 1), LONGEST_REST_S)
        self._resting.append((time.monotonic() + rest, arrival))
        if tries <= HOPELESS:
            self._voice.say(
                f"{arrival.source} of {arrival.team} waits, by no fault of theirs: {message} "
                "It is tried again by itself."
            )
