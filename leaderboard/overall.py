"""The overall standings: a pure function of judged attempts and the event.

A team's total is the sum of its points at the event's challenges, each times its weight, taken
from the attempts that its places in these challenges rest on. Equal totals are told apart by the
metrics, challenge by challenge in the event's order, each rounded to its precision and in its own
order, none after any; then by the moment at which the total was reached. Teams equal in all of
these share a rank. As in a challenge, teams without anything to rank and teams that are not on
the roster have none.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction

from msgspec import Struct

from leaderboard.attempts import Attempt
from leaderboard.event import NO_EVENT, Entry, Event
from leaderboard.ranking import MetricKey, attempts_by_team, metric_key, place, standing
from leaderboard.score import Score


class OverallRow(Struct, frozen=True, kw_only=True):
    """One team's line."""

    rank: int | None
    team: str
    listed: bool
    members: tuple[str, ...]
    total: float
    points: dict[str, int | None]
    """By challenge, unweighted; None where the team has nothing that ranks."""
    passed: int
    """Challenges passed."""
    attempts: int
    not_counted: int
    reached_at: datetime
    moved: int | None = None
    """Ranks gained when all was revealed; see leaderboard.reveal."""


StandingKey = tuple[Fraction, list[MetricKey], datetime]


class Standing(Struct, frozen=True):
    """What a team's place in the overall standings rests on."""

    team: str
    scores: list[Score | None]
    """By challenge, in the event's order."""
    total: Fraction
    reached_at: datetime
    ranks: bool

    @property
    def key(self) -> StandingKey:
        """Sorts the better team first."""
        return (-self.total, [metric_key(one) for one in self.scores], self.reached_at)


def overall(attempts: Iterable[Attempt], event: Event = NO_EVENT) -> list[OverallRow]:
    """The rows of all challenges of the event together, best first, teams without a rank last."""
    teams = attempts_by_team(one for one in attempts if one.verdict != "elsewhere")
    entries = entries_of((one for ones in teams.values() for one in ones), event)
    members = {team.name: team.members for team in event.teams}
    made = [standing_of(team, ones, entries, event) for team, ones in sorted(teams.items())]
    made.sort(key=lambda one: (not one.ranks, one.key))
    places = [one for one in made if one.ranks and event.lists(one.team)]
    ranks = {one.team: rank for rank, one in place(places, lambda one: one.key, event.ranks)}
    return [
        OverallRow(
            rank=ranks.get(one.team),
            team=one.team,
            listed=event.lists(one.team),
            members=members.get(one.team, ()),
            total=float(one.total),
            points={
                entry.id: None if score is None else score.score
                for entry, score in zip(entries, one.scores, strict=True)
            },
            passed=sum(score is not None and score.passed for score in one.scores),
            attempts=sum(attempt.verdict == "counts" for attempt in teams[one.team]),
            not_counted=sum(attempt.verdict != "counts" for attempt in teams[one.team]),
            reached_at=one.reached_at,
        )
        for one in sorted(made, key=lambda one: not event.lists(one.team))
    ]


def entries_of(attempts: Iterable[Attempt], event: Event) -> tuple[Entry, ...]:
    """The challenges of the event; of one that names none, those that were attempted."""
    if event.challenges:
        return event.challenges
    return tuple(Entry(id=name) for name in sorted({one.score.challenge.id for one in attempts}))


def standing_of(
    team: str, attempts: list[Attempt], entries: tuple[Entry, ...], event: Event
) -> Standing:
    """The standing of one team, from its attempts alone."""
    by_challenge: dict[str, list[Attempt]] = defaultdict(list)
    for one in attempts:
        by_challenge[one.score.challenge.id].append(one)
    scores = [standing(by_challenge[entry.id], event) for entry in entries]
    total = Fraction(0)
    for entry, score in zip(entries, scores, strict=True):
        # As written and exact: totals that are equal on paper are equal here.
        total += Fraction(repr(entry.weight)) * (score.score if score else 0)
    return Standing(team, scores, total, _reached_at(scores, attempts), any(scores))


def _reached_at(scores: list[Score | None], attempts: list[Attempt]) -> datetime:
    """When the last attempt that gave points came; without points, when the first came."""
    stand = [score for score in scores if score]
    earned = [score.submitted_at for score in stand if score.score]
    if earned:
        return max(earned)
    return min(score.submitted_at for score in stand or [one.score for one in attempts])
