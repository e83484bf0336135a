"""leaderboard.attempts"""

import itertools
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard.attempts import Verdict, judge_attempts
from leaderboard.event import NO_EVENT, Entry, Event
from leaderboard.ranking import standings
from leaderboard.score import Score

MakeScore = Callable[..., Score]

ATTEMPTS = st.lists(
    st.fixed_dictionaries(
        {
            "team": st.sampled_from(["red", "blue"]),
            "score": st.sampled_from([0, 40, 100]),
            "minute": st.integers(0, 12),
            "source": st.sampled_from(["x = 1", "x = 2"]),
            "challenge": st.sampled_from(["04", "05"]),
            "passed": st.just(False),
            "status": st.sampled_from(["graded", "graded", "timeout", "grader_fault"]),
        }
    ),
    max_size=14,
)
LIMITS = st.fixed_dictionaries(
    {
        "attempts": st.sampled_from([None, 1, 2]),
        "cooldown": st.sampled_from(["0s", "2m", "5m"]),
        "opens": st.sampled_from([None, 3]),
        "closes": st.sampled_from([None, 9]),
        "count": st.sampled_from(["best", "last"]),
        "ranks": st.sampled_from(["competition", "dense"]),
    }
)


def at(make_score: MakeScore, minute: float) -> datetime:
    return make_score(minute=minute).submitted_at


def event_of(make_score: MakeScore, limits: dict[str, Any], skew: float = 0) -> Event:
    times = {
        name: None if limits[name] is None else at(make_score, limits[name] + skew)
        for name in ("opens", "closes")
    }
    return Event(**{**limits, **times})


def verdicts(scores: list[Score], event: Event) -> list[Verdict]:
    return [one.verdict for one in judge_attempts(scores, event)]


def test_an_event_has_a_beginning_and_an_end(make_score: MakeScore) -> None:
    """From the moment of opens on, and before that of closes."""
    scores = [make_score(minute=minute) for minute in (0, 1, 2, 3)]
    event = Event(opens=at(make_score, 1), closes=at(make_score, 3))

    assert verdicts(scores, event) == ["early", "counts", "counts", "late"]


def test_attempts_run_out_for_each_team_and_challenge(make_score: MakeScore) -> None:
    """One too many is excess; another challenge and another team have attempts of their own."""
    scores = [make_score(minute=minute) for minute in (0, 1, 2)]
    scores += [make_score(challenge="05"), make_score(team="blue")]
    judged = judge_attempts(scores, Event(attempts=2))

    assert [(one.score.challenge.id, one.score.team, one.verdict) for one in judged] == [
        ("04", "blue", "counts"),
        ("04", "red", "counts"),
        ("04", "red", "counts"),
        ("04", "red", "excess"),
        ("05", "red", "counts"),
    ]


def test_a_cool_down_runs_from_the_last_that_counted(make_score: MakeScore) -> None:
    """What came too soon uses up nothing and does not make the wait longer."""
    scores = [make_score(minute=minute) for minute in (0, 1, 1.9, 2, 3, 4)]
    event = Event(cooldown="2m", attempts=3)

    assert verdicts(scores, event) == [
        *("counts", "cool-down", "cool-down", "counts", "cool-down", "counts")
    ]


def test_only_our_own_faults_are_free(make_score: MakeScore) -> None:
    """A hand-in that cannot be graded uses an attempt up; one that the grader failed does not."""
    scores = [
        make_score(score=0, status="grader_fault"),
        make_score(score=0, status="ungradable", minute=1),
        make_score(minute=2),
    ]

    assert verdicts(scores, Event(attempts=1)) == ["our fault", "counts", "excess"]


def test_a_regrade_is_no_attempt(make_score: MakeScore) -> None:
    """The same hand-in graded again is one attempt, at the time it was handed in."""
    again = make_score(score=60, graded_at=at(make_score, 30))
    scores = [make_score(score=0, status="grader_fault"), make_score(), again, make_score(minute=1)]
    judged = judge_attempts(scores, Event(attempts=1))

    assert [(one.score.score, one.verdict) for one in judged] == [(60, "counts"), (40, "excess")]


def test_another_challenge_is_elsewhere(make_score: MakeScore) -> None:
    """What the event does not name is kept, and does not count."""
    scores = [make_score(), make_score(challenge="05")]

    assert verdicts(scores, Event(challenges=(Entry(id="05"),))) == ["elsewhere", "counts"]


@settings(max_examples=50, deadline=None)
@given(ATTEMPTS, LIMITS, st.randoms(use_true_random=False))
def test_the_order_of_the_files_decides_nothing(
    make_score: MakeScore, attempts: list[dict[str, Any]], limits: dict[str, Any], random: Any
) -> None:
    """Shuffled records, some of them twice, are judged the same; each hand-in appears once."""
    scores, event = [make_score(**one) for one in attempts], event_of(make_score, limits)
    shuffled = scores + scores[::2]
    random.shuffle(shuffled)
    judged = judge_attempts(scores, event)

    assert judge_attempts(shuffled, event) == judged
    assert len(judged) == len({(one.team, one.id) for one in scores})


@settings(max_examples=50, deadline=None)
@given(ATTEMPTS, LIMITS, st.sampled_from([-7, 0.5, 60, 1e6]))
def test_a_clock_that_is_wrong_by_a_constant_changes_no_rank(
    make_score: MakeScore, attempts: list[dict[str, Any]], limits: dict[str, Any], skew: float
) -> None:
    """Times only matter against each other and against the event's, by the same clock."""
    event, moved = event_of(make_score, limits), event_of(make_score, limits, skew)
    before = standings([make_score(**one) for one in attempts], "04", event)
    late = [make_score(**{**one, "minute": one["minute"] + skew}) for one in attempts]
    after = standings(late, "04", moved)

    back = [
        msgspec.structs.replace(
            row, submitted_at=row.submitted_at - timedelta(minutes=skew), score_id=""
        )
        for row in after
    ]
    assert back == [msgspec.structs.replace(row, score_id="") for row in before]


@settings(max_examples=50, deadline=None)
@given(ATTEMPTS, LIMITS)
def test_the_limits_hold(
    make_score: MakeScore, attempts: list[dict[str, Any]], limits: dict[str, Any]
) -> None:
    """What counts is inside the event, far enough apart, and not too much; without limits all counts."""
    scores, event = [make_score(**one) for one in attempts], event_of(make_score, limits)
    counted: dict[tuple[str, str], list[datetime]] = {}
    for one in judge_attempts(scores, event):
        if one.verdict == "counts":
            key = one.score.challenge.id, one.score.team
            counted.setdefault(key, []).append(one.score.submitted_at)

    for times in counted.values():
        assert len(times) <= (event.attempts or len(times))
        assert event.opens is None or min(times) >= event.opens
        assert event.closes is None or max(times) < event.closes
        assert all(b - a >= event.pause for a, b in itertools.pairwise(times))
    assert set(verdicts(scores, NO_EVENT)) <= {"counts", "our fault"}
