"""leaderboard.overall"""

import itertools
from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard.attempts import judge_attempts
from leaderboard.event import NO_EVENT, Entry, Event, Team
from leaderboard.overall import OverallRow, overall
from leaderboard.score import Metric, Score

MakeScore = Callable[..., Score]
MakeMetric = Callable[..., Metric]

ATTEMPTS = st.lists(
    st.fixed_dictionaries(
        {
            "team": st.sampled_from(["red", "blue", "green"]),
            "score": st.sampled_from([0, 40, 100]),
            "minute": st.sampled_from([0, 1, 2]),
            "source": st.sampled_from(["x = 1", "x = 2"]),
            "challenge": st.sampled_from(["01", "04", "05"]),
            "loss": st.sampled_from([None, float("nan"), 0.9, 0.9001, 1.5]),
            "passed": st.just(False),
            "status": st.sampled_from(["graded", "graded", "timeout", "grader_fault"]),
        }
    ),
    max_size=14,
)
EVENTS = st.sampled_from(
    [
        NO_EVENT,
        Event(ranks="dense"),
        Event(challenges=(Entry(id="05", weight=0.1), Entry(id="01", weight=0.3))),
        Event(teams=(Team(name="red"), Team(name="blue"))),
    ]
)


def rows_of(scores: list[Score], event: Event = NO_EVENT) -> list[OverallRow]:
    return overall(judge_attempts(scores, event), event)


def summary(rows: list[OverallRow]) -> list[tuple[int | None, str, float]]:
    return [(row.rank, row.team, row.total) for row in rows]


def test_weights_decide_how_much_a_challenge_counts(make_score: MakeScore) -> None:
    """The total is the weighted sum of the best attempts; what the event does not name adds nothing."""
    scores = [
        make_score(team="red", challenge="01", score=100),
        make_score(team="blue", challenge="05", score=60),
        make_score(team="blue", challenge="05", score=40, minute=1),
        make_score(team="blue", challenge="04", score=100),
    ]
    event = Event(challenges=(Entry(id="05", weight=2), Entry(id="01")))
    rows = rows_of(scores, event)

    assert summary(rows) == [(1, "blue", 120), (2, "red", 100)]
    assert rows[0].points == {"05": 60, "01": None}
    assert (rows[0].passed, rows[0].attempts, rows[1].passed) == (0, 2, 1)


def test_equal_totals_are_told_apart_by_metrics_in_the_events_order(
    make_score: MakeScore, make_metric: MakeMetric
) -> None:
    """Rounded to its precision, each in its own order; the first challenge that differs decides."""

    def pair(team: str, accuracy: float, loss: float) -> list[Score]:
        higher = make_metric(accuracy, order="higher", name="accuracy", precision=1)
        return [
            make_score(team=team, challenge="01", metric=higher),
            make_score(team=team, challenge="05", loss=loss),
        ]

    scores = pair("red", 0.91, 1.5) + pair("blue", 0.90, 0.7) + pair("grey", 0.7, 0.1)

    assert [row.team for row in rows_of(scores)] == ["blue", "red", "grey"]
    event = Event(challenges=(Entry(id="05"), Entry(id="01")))
    assert [row.team for row in rows_of(scores, event)] == ["grey", "blue", "red"]


def test_then_whoever_reached_the_total_first_leads(make_score: MakeScore) -> None:
    """The time is that of the last attempt that gave points, not of a later one that gave none."""
    scores = [
        make_score(team="red", challenge="01", minute=1),
        make_score(team="red", challenge="04", minute=9, score=0),
        make_score(team="blue", challenge="01", minute=2),
        make_score(team="grey", challenge="01", minute=2),
        make_score(team="zero", challenge="01", score=0),
        make_score(team="hung", challenge="01", score=0, status="timeout"),
    ]
    rows = rows_of(scores)

    expected = [(1, "red", 40), (2, "blue", 40), (2, "grey", 40), (4, "zero", 0), (None, "hung", 0)]
    assert summary(rows) == expected
    dense = rows_of(scores, Event(ranks="dense"))
    assert [row.rank for row in dense] == [1, 2, 2, 3, None]


def test_weights_are_exact(make_score: MakeScore) -> None:
    """Totals that are equal on paper are equal, whatever binary fractions say."""
    scores = [
        make_score(team="red", challenge="01", score=100),
        make_score(team="red", challenge="04", score=100),
        make_score(team="blue", challenge="05", score=100),
    ]
    weights = (Entry(id="01", weight=0.1), Entry(id="04", weight=0.2), Entry(id="05", weight=0.3))

    assert [row.rank for row in rows_of(scores, Event(challenges=weights))] == [1, 1]


def test_teams_off_the_roster_come_last(make_score: MakeScore) -> None:
    """They have a total and no rank; members are those of the roster."""
    scores = [make_score(team="red"), make_score(team="guest", score=100)]
    rows = rows_of(scores, Event(teams=(Team(name="red", members=("Ada",)),)))

    assert summary(rows) == [(1, "red", 40), (None, "guest", 100)]
    assert [(row.members, row.listed) for row in rows] == [(("Ada",), True), ((), False)]


@settings(max_examples=50, deadline=None)
@given(ATTEMPTS, EVENTS, st.randoms(use_true_random=False))
def test_the_order_of_the_files_does_not_matter(
    make_score: MakeScore, attempts: list[dict[str, Any]], event: Event, random: Any
) -> None:
    """Shuffled scores, some of them twice, stand the same."""
    scores = [make_score(**one) for one in attempts]
    shuffled = scores + scores[::2]
    random.shuffle(shuffled)

    assert rows_of(shuffled, event) == rows_of(scores, event)


@settings(max_examples=50, deadline=None)
@given(ATTEMPTS, EVENTS)
def test_ranks_follow_the_order(
    make_score: MakeScore, attempts: list[dict[str, Any]], event: Event
) -> None:
    """Ranks begin with 1 and only rise; totals only fall; each team has one row."""
    rows = rows_of([make_score(**one) for one in attempts], event)
    ranked = [row for row in rows if row.rank is not None]
    ranks = [row.rank for row in ranked if row.rank is not None]

    assert rows[: len(ranked)] == ranked
    assert ranks == sorted(ranks)
    assert ranks[:1] in ([], [1])
    assert [row.total for row in ranked] == sorted((row.total for row in ranked), reverse=True)
    for number, (a, b) in enumerate(itertools.pairwise(ranks), 1):
        assert b in (a, a + 1 if event.ranks == "dense" else number + 1)
    assert len({row.team for row in rows}) == len(rows)


@settings(max_examples=50, deadline=None)
@given(ATTEMPTS, EVENTS)
def test_a_worse_attempt_changes_only_the_count(
    make_score: MakeScore, attempts: list[dict[str, Any]], event: Event
) -> None:
    """Trying a challenge again never costs a place."""
    first = {"team": "red", "score": 40, "challenge": "01", "minute": 1, "source": "first"}
    scores = [*(make_score(**one) for one in attempts), make_score(**first)]
    worse = make_score(team="red", score=0, challenge="01", minute=5, source="worse")
    before, after = rows_of(scores, event), rows_of([*scores, worse], event)

    assert after == [
        msgspec.structs.replace(row, attempts=row.attempts + (row.team == "red")) for row in before
    ]


@settings(max_examples=50, deadline=None)
@given(ATTEMPTS)
def test_equal_teams_share_a_rank(make_score: MakeScore, attempts: list[dict[str, Any]]) -> None:
    """A team that hands in exactly what another does stands where it stands."""
    red = [{**one, "team": "red"} for one in attempts]
    twins = [*red, *({**one, "team": "twin"} for one in red)]
    # Which of two hand-ins of one moment is the latest hangs on their ids, so each moment has one.
    distinct = {(one["team"], one["challenge"], one["minute"]): one for one in twins}
    rows = rows_of([make_score(**one) for one in distinct.values()])

    assert len({(row.rank, row.total, row.reached_at) for row in rows}) <= 1
