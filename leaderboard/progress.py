"""How the overall standings came to be: the totals after each attempt that changed one, and who led."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from fractions import Fraction
from itertools import groupby

from msgspec import Struct

from leaderboard.attempts import Attempt
from leaderboard.event import NO_EVENT, Event
from leaderboard.overall import Standing, StandingKey, entries_of, standing_of


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
    totals: dict[str, Fraction] = {}
    places: dict[str, StandingKey | None] = {}
    steps: list[Step] = []
    leads: list[Lead] = []
    for one in counted:
        team, at = one.score.team, one.score.submitted_at
        known = [*so_far[team], one]
        now = standing_of(team, known, entries, event)
        so_far[team] = _still_needed(known, now)
        if totals.get(team) != now.total:
            totals[team] = now.total
            steps.append(Step(at, team, float(now.total)))
        place = _place(now, event)
        if places.get(team) != place:
            places[team] = place
            leads.append(Lead(at, _leaders(places)))
    return Progress(tuple(steps), tuple(_told(leads)))


def _still_needed(attempts: list[Attempt], now: Standing) -> list[Attempt]:
    """Those that the standing rests on, and the first, which tells when the team began.

    No other will ever stand, whatever comes, so that a long day is not gone through at each attempt.
    """
    stand = {id(score) for score in now.scores}
    return [one for one in attempts if one is attempts[0] or id(one.score) in stand]


def _place(standing: Standing, event: Event) -> StandingKey | None:
    """What decides who leads; nobody does before the first point."""
    leads = standing.ranks and standing.total and event.lists(standing.team)
    return standing.key if leads else None


def _leaders(places: Mapping[str, StandingKey | None]) -> tuple[str, ...]:
    best = min((key for key in places.values() if key is not None), default=None)
    return tuple(sorted(team for team, key in places.items() if key is not None and key == best))


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
