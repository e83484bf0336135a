"""How the overall standings came to be: the totals after each attempt that changed one, and who led."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby

from msgspec import Struct

from leaderboard.attempts import Attempt
from leaderboard.event import NO_EVENT, Event
from leaderboard.overall import Standing, entries_of, standing_of


class Step(Struct, frozen=True):
    """From this moment on, the team has this total."""

    at: datetime
    team: str
    total: float


class Lead(Struct, frozen=True):
    """From this moment on, these teams share the first rank; several if nothing tells them apart."""

    since: datetime
    teams: tuple[str, ...]


class Progress(Struct, frozen=True):
    """The steps of all teams in the order of their times, and the changes of the lead."""

    steps: tuple[Step, ...]
    leads: tuple[Lead, ...]


def progress(attempts: Iterable[Attempt], event: Event = NO_EVENT) -> Progress:
    """Replay the attempts that count, each at its `submitted_at`, by the rules of `overall`.

    Guests have steps and never the lead.
    """
    counted = sorted((one for one in attempts if one.verdict == "counts"), key=_when)
    entries = entries_of(counted, event)
    so_far: dict[str, list[Attempt]] = defaultdict(list)
    now: dict[str, Standing] = {}
    steps: list[Step] = []
    leads: list[Lead] = []
    for one in counted:
        team, at = one.score.team, one.score.submitted_at
        so_far[team].append(one)
        before, now[team] = now.get(team), standing_of(team, so_far[team], entries, event)
        if before is None or before.total != now[team].total:
            steps.append(Step(at, team, float(now[team].total)))
        leads.append(Lead(at, _leaders(now.values(), event)))
    return Progress(tuple(steps), tuple(_told(leads)))


def _leaders(standings: Iterable[Standing], event: Event) -> tuple[str, ...]:
    """Nobody leads before the first point."""
    placed = [one for one in standings if one.ranks and one.total and event.lists(one.team)]
    best = min((one.key for one in placed), default=None)
    return tuple(sorted(one.team for one in placed if one.key == best))


def _told(leads: Iterable[Lead]) -> Iterator[Lead]:
    """Only the changes; of what came at one moment, only its outcome."""
    last: tuple[str, ...] = ()
    for _, at_once in groupby(leads, key=lambda lead: lead.since):
        *_, lead = at_once
        if lead.teams != last:
            last = lead.teams
            yield lead


def _when(one: Attempt) -> tuple[datetime, str, str]:
    return (one.score.submitted_at, one.score.team, one.score.id)
