"""What becomes of each hand-in under the rules of an event: a pure function of the records.

- A hand-in is one attempt however often it was graded: its latest grade stands for it, and a
  grade that failed by our fault never replaces one that did not.
- Only the record's own `submitted_at` is looked at, which the grading side sets.
- An attempt from the moment of `opens` on, and before that of `closes`, may count. It does so
  unless the team has used up its attempts at this challenge (`excess`) or its last counted one
  is not yet `cooldown` ago. What does not count uses up nothing and starts no cool-down.
- Whatever the status, an attempt that counts uses one up; only our own faults do not.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from msgspec import Struct

from leaderboard.event import Event
from leaderboard.score import Score, encode
from leaderboard.signing import state

Verdict = Literal[
    "counts", "early", "late", "excess", "cool-down", "elsewhere", "our fault", "unverified"
]


class Attempt(Struct, frozen=True):
    """A hand-in by the score that stands for it, and what becomes of it."""

    score: Score
    verdict: Verdict
    """`elsewhere`: its challenge does not belong to the event. `unverified`: no key has signed it."""


def judge_attempts(
    scores: Iterable[Score], event: Event, unverified: Iterable[Score] | None = None
) -> list[Attempt]:
    """Every hand-in with its verdict, by challenge, team and time; each appears exactly once.

    Scores that no key of the event has signed decide nothing: each is shown, and stands in the place of
    no other. They are found here, by whole records; `unverified`: those found before, by whoever shows
    less of a record than was signed (see `apart`).
    """
    if unverified is None:
        scores, unverified = apart(scores, event)
    hand_ins: dict[tuple[str, str], dict[str, list[Score]]] = defaultdict(lambda: defaultdict(list))
    for score in scores:
        hand_ins[score.challenge.id, score.team][score.id].append(score)
    judged: list[Attempt] = []
    for key in sorted(hand_ins):
        latest = [_latest_grade(grades) for grades in hand_ins[key].values()]
        judged += _judged(sorted(latest, key=_when), event)
    shown = [Attempt(score, "unverified") for score in unverified]
    return sorted([*judged, *shown], key=_place) if shown else judged


def apart(scores: Iterable[Score], event: Event) -> tuple[list[Score], list[Score]]:
    """The scores that may count by their signatures, and the others; without keys there are no others."""
    kept: list[Score] = []
    others: list[Score] = []
    for score in scores:
        holds = not event.keys or state(score, event.keys) == "signed"
        (kept if holds else others).append(score)
    return kept, others


def _judged(scores: list[Score], event: Event) -> list[Attempt]:
    """The attempts of one team at one challenge, earliest first."""
    judged: list[Attempt] = []
    pause, used = event.pause, 0
    last: datetime | None = None
    for score in scores:
        verdict = _outside(score, event)
        if verdict is None:
            verdict = "counts"
            if event.attempts is not None and used >= event.attempts:
                verdict = "excess"
            elif last is not None and score.submitted_at - last < pause:
                verdict = "cool-down"
        if verdict == "counts":
            used, last = used + 1, score.submitted_at
        judged.append(Attempt(score, verdict))
    return judged


def _outside(score: Score, event: Event) -> Verdict | None:
    if score.status == "grader_fault":
        return "our fault"
    if not event.includes(score.challenge.id):
        return "elsewhere"
    if event.opens is not None and score.submitted_at < event.opens:
        return "early"
    if event.closes is not None and score.submitted_at >= event.closes:
        return "late"
    return None


def _latest_grade(grades: list[Score]) -> Score:
    if len(grades) == 1:
        return grades[0]
    return max(grades, key=lambda one: (one.status != "grader_fault", one.graded_at, encode(one)))


def _place(attempt: Attempt) -> tuple[object, ...]:
    score = attempt.score
    return score.challenge.id, score.team, *_when(score), attempt.verdict == "unverified"


def _when(score: Score) -> tuple[datetime, str]:
    # The id tells apart what was handed in at one moment, so that the order of the files never does.
    return (score.submitted_at, score.id)
