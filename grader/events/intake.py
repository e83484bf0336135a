"""What has arrived goes into the queue, once: the same bytes of a team at a challenge are one hand-in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from grader.errors import GraderFault, HandInError, RepositoryError
from grader.events.arriving import NotTakenError, from_file, from_push, team_of
from grader.events.folder import Rules
from grader.events.inbox import Dropped, Inbox
from grader.events.pushes import Pushed, Pushes
from grader.events.taking_turns import GUESTS, Turns
from grader.events.waiting import Arrival, Key, Queue
from leaderboard.text import printable

MOST_AT_ONCE: Final = 20
LONGEST_S: Final = 1.0


class Intake:
    """Looks at inbox and repository, and lets what is new wait for its turn."""

    def __init__(
        self,
        inbox: Inbox,
        pushes: Pushes,
        queue: Queue,
        turns: Turns,
        known: set[Key],
        say: Callable[[str], None],
    ) -> None:
        self._inbox = inbox
        self._pushes = pushes
        self._queue = queue
        self._turns = turns
        self._known = known
        self._say = say
        self._told = ""

    def look(self, rules: Rules, before: datetime | None = None) -> bool:
        """Take in what has settled; of what arrived at a moment or after it, nothing.

        One thing of each team, and for a second only, so that no flood keeps others or gradings waiting.
        Returns whether there is more of somebody.
        """
        complaint, served, more = "", set[str](), False
        until = time.monotonic() + LONGEST_S
        first = set(rules.roster.handles.values())
        found: list[Dropped | Pushed] = [*self._inbox.look(first), *self._pushes.look(first)]
        for one in sorted(found, key=lambda one: one.arrived):
            if before is not None and one.arrived >= before:
                break
            team = team_of(one.team, rules)
            guest = not rules.roster.lists(team)
            turn = GUESTS if guest else team
            if not self._turns.has_room(team, guest):
                continue
            if turn in served or time.monotonic() > until:
                more = True
                continue
            served.add(turn)
            complaint = self._take(one, rules) or complaint
        if complaint and complaint != self._told:
            self._say(complaint)
        self._told = complaint
        return more and not complaint

    def restless(self, before: datetime | None = None) -> bool:
        """Whether something that came before a moment was not taken yet."""
        return self._inbox.restless(before) or self._pushes.restless(before)

    def waiting(self) -> dict[str, datetime]:
        """Return what was seen and not taken yet, with its times, earliest first."""
        found = self._inbox.waiting() | self._pushes.waiting()
        return dict(sorted(found.items(), key=lambda item: (item[1], item[0])))

    def let_wait(self, arrival: Arrival, rules: Rules) -> None:
        """Give a hand-in that is in the queue a turn."""
        self._known.add(arrival.key)
        self._turns.add(arrival, not rules.roster.lists(arrival.team))

    def _take(self, one: Dropped | Pushed, rules: Rules) -> str:
        """Take a file or a tip in; returns what keeps us from it, for now."""
        try:
            return self._file(one, rules) if isinstance(one, Dropped) else self._push(one, rules)
        except Exception as error:
            # A mistake of ours over one hand-in must not end the event, at each start anew.
            self._say(f"{one.shown} is left alone, by a fault of the kit: {error!r}")
            if isinstance(one, Dropped):
                self._inbox.took(one)
            else:
                self._pushes.took(one)
            return ""

    def _file(self, dropped: Dropped, rules: Rules) -> str:
        try:
            data: bytes | HandInError = self._inbox.read(dropped)
        except (FileNotFoundError, NotADirectoryError):
            return ""
        except OSError as error:
            data = HandInError(f"{dropped.name} cannot be read: {error.strerror}.")
        except HandInError as error:
            data = error
        try:
            found = from_file(dropped, data, rules)
        except NotTakenError as error:
            self._say(f"{dropped.shown}: {error}")
            found = []
        except (GraderFault, OSError) as error:
            return f"{dropped.shown} waits: {error}"
        complaint = self._accept(found, rules, dropped.early)
        if not complaint:
            self._inbox.took(dropped)
        return complaint

    def _push(self, pushed: Pushed, rules: Rules) -> str:
        try:
            read = list(self._pushes.read(pushed, rules.challenges.values()))
        except RepositoryError as error:
            self._say(f"{pushed.shown}: {error}")
            read = []
        else:
            if not read and not pushed.early:
                self._say(f"{pushed.shown}: it holds no hand-in, such as 04_causal_attention.py.")
        found = from_push(pushed, read, rules)
        complaint = self._accept(found, rules, pushed.early)
        if not complaint:
            self._pushes.took(pushed)
        return complaint

    def _accept(self, found: Iterable[Arrival], rules: Rules, early: bool) -> str:
        """Put into the queue what is new; returns why that cannot be done, for now.

        What was there before the run began is mostly known, which is nobody's news then.
        """
        for number, arrival in enumerate(found):
            if number == MOST_AT_ONCE:
                self._say(f"{arrival.source}: only {MOST_AT_ONCE} hand-ins of it are taken.")
                break
            team = printable(arrival.team)
            if arrival.key in self._known:
                if not early:
                    self._say(f"{arrival.source}: {team} had that of {arrival.challenge} before")
                continue
            try:
                self._queue.add(arrival)
            except OSError as error:
                return (
                    f"{arrival.source} waits: the queue takes nothing ({error.strerror or error}). "
                    "Free some space; it goes on by itself then."
                )
            self.let_wait(arrival, rules)
            self._say(f"{arrival.source}: {team} hands in {arrival.challenge}")
        return ""
