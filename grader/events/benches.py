"""Slots that grade, each with a warm pair of processes for each of a few challenges.

A pool keeps one pair for each slot, and begins anew when the challenge changes. At an event hand-ins of all
challenges come mixed, so here a slot keeps the pairs of the challenges that it graded last.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, Protocol

from grader.grading import Attempt
from grader.pool import Pool
from grader.submission import Submission
from grader.supervising import Follower
from grader.walls import Wall
from leaderboard.score import Score

# Pairs in a slot, of some 500 MiB each.
KEPT: Final = 3


class OneSlot(Protocol):
    """What is needed of a pool of one slot."""

    def submit(
        self, submission: Submission, attempt: Attempt, follower: Follower | None = None
    ) -> Future[Score]:
        """Queue a hand-in; its score comes later."""
        ...

    def close(self) -> None:
        """End all processes."""
        ...


class _Stopped(Follower):
    """Stops gradings when the run is halted."""

    def __init__(self, halt: threading.Event) -> None:
        self._halt = halt

    def stopped(self) -> bool:
        """Whether the run is halted."""
        return self._halt.is_set()


class _Bench:
    """One slot: the pools by challenge, the one used last at the end."""

    def __init__(self, make: Callable[[], OneSlot]) -> None:
        self.running: Future[Score] | None = None
        self._make = make
        self._pools: dict[str, OneSlot] = {}

    @property
    def free(self) -> bool:
        """Whether it grades nothing."""
        return self.running is None or self.running.done()

    def fits(self, challenge: str) -> tuple[bool, int]:
        """How well it fits: that which has a pair, then that which has the fewest."""
        return challenge in self._pools, -len(self._pools)

    def begin(self, submission: Submission, attempt: Attempt, follower: Follower) -> Future[Score]:
        """Begin a grading."""
        key = attempt.challenge.id
        if key not in self._pools and len(self._pools) >= KEPT:
            self._pools.pop(next(iter(self._pools))).close()
        pool = self._pools.pop(key, None) or self._make()
        self._pools[key] = pool
        self.running = pool.submit(submission, attempt, follower)
        return self.running

    def close(self) -> None:
        """End all processes."""
        while self._pools:
            self._pools.popitem()[1].close()


def _pool_of_one(wall: Wall) -> OneSlot:
    return Pool(1, wall)


class Benches:
    """All slots."""

    def __init__(
        self,
        slots: int,
        wall: Wall,
        halt: threading.Event,
        make: Callable[[Wall], OneSlot] = _pool_of_one,
    ) -> None:
        self._benches = [_Bench(lambda: make(wall)) for _ in range(slots)]
        self._stopped = _Stopped(halt)

    @property
    def free(self) -> bool:
        """Whether a slot is free."""
        return any(bench.free for bench in self._benches)

    def begin(self, submission: Submission, attempt: Attempt) -> Future[Score]:
        """Begin a grading in the free slot that fits best."""
        free = [bench for bench in self._benches if bench.free]
        bench = max(free, key=lambda one: one.fits(attempt.challenge.id))
        return bench.begin(submission, attempt, self._stopped)

    def close(self) -> None:
        """End all processes; what is not done has no score."""
        for bench in self._benches:
            bench.close()
