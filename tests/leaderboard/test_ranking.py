"""leaderboard.ranking"""

from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard.event import Event, Team
from leaderboard.ranking import Row, best_attempt, challenge_ids, standings
from leaderboard.score import Metric, Score

MakeScore = Callable[..., Score]
MakeMetric = Callable[..., Metric]

# Few values each, so that ties of every kind are common.
ATTEMPTS = st.lists(
    st.fixed_dictionaries(
        {
            "team": st.sampled_from(["red", "blue", "green", "grey"]),
            "score": st.sampled_from([0, 40, 100]),
            "minute": st.sampled_from([0, 1, 2]),
            "source": st.sampled_from(["x = 1", "x = 2"]),
            "loss": st.sampled_from([None, float("nan"), 0.9, 0.9001, 1.5]),
            "status": st.sampled_from(["graded", "graded", "timeout", "grader_fault"]),
            "seed": st.sampled_from(["1", "2"]),
        }
    ),
    max_size=12,
)


def build(make_score: MakeScore, attempts: list[dict[str, Any]]) -> list[Score]:
    return [
        make_score(**{**attempt, "passed": False, "status": attempt["status"]})
        for attempt in attempts
    ]


def summary(rows: list[Row]) -> list[tuple[int | None, str]]:
    return [(row.rank, row.team) for row in rows]


def test_points_come_first_then_the_metric_then_time(make_score: MakeScore) -> None:
    """The order of the design, one team per step."""
    scores = [
        make_score(team="few points", score=60, loss=0.1),
        make_score(team="no metric", score=80),
        make_score(team="high loss", score=80, loss=1.2),
        make_score(team="late", score=80, loss=0.9, minute=9),
        make_score(team="early", score=80, loss=0.9, minute=1),
    ]

    assert summary(standings(scores, "04")) == [
        (1, "early"),
        (2, "late"),
        (3, "high loss"),
        (4, "no metric"),
        (5, "few points"),
    ]


def test_a_metric_may_be_better_when_higher(make_score: MakeScore, make_metric: MakeMetric) -> None:
    """Accuracy counts the other way round than loss."""
    scores = [
        make_score(team="red", metric=make_metric(0.8, order="higher")),
        make_score(team="blue", metric=make_metric(0.9, order="higher")),
    ]

    assert summary(standings(scores, "04")) == [(1, "blue"), (2, "red")]


def test_noise_below_the_precision_does_not_decide(make_score: MakeScore) -> None:
    """Losses that round to the same are equal, so the earlier hand-in leads."""
    scores = [
        make_score(team="red", loss=0.90012, minute=1),
        make_score(team="blue", loss=0.90034, minute=0),
    ]

    assert summary(standings(scores, "04")) == [(1, "blue"), (2, "red")]


def test_equals_share_a_rank_and_the_next_is_skipped(make_score: MakeScore) -> None:
    """Competition style, 1, 1, 3; equals stand by name."""
    scores = [make_score(team=team, loss=0.9) for team in ("red", "blue")]
    scores.append(make_score(team="amber", loss=1.0))

    assert summary(standings(scores, "04")) == [(1, "blue"), (1, "red"), (3, "amber")]


def test_the_best_attempt_counts_and_all_are_counted(make_score: MakeScore) -> None:
    """A team stands by its best; every hand-in is an attempt, except where we failed."""
    best = make_score(score=80, minute=1)
    scores = [
        make_score(score=40),
        best,
        make_score(score=60, minute=2),
        make_score(score=0, minute=3, status="timeout"),
        make_score(score=0, minute=4, status="grader_fault"),
    ]
    (row,) = standings(scores, "04")

    assert (row.rank, row.score, row.attempts) == (1, 80, 4)
    assert (row.score_id, row.submitted_at) == (best.id, best.submitted_at)


def test_what_is_not_graded_or_not_finite_has_no_rank(make_score: MakeScore) -> None:
    """Such teams stand at the end with the status of their latest attempt."""
    scores = [
        make_score(team="hung", score=0, status="timeout"),
        make_score(team="hung", score=0, status="crashed", minute=1),
        make_score(team="diverged", score=60, loss=float("nan")),
        make_score(team="zero", score=0),
        make_score(team="ours", score=0, status="grader_fault"),
    ]
    rows = standings(scores, "04")

    assert summary(rows) == [(1, "zero"), (None, "diverged"), (None, "hung")]
    assert (rows[2].status, rows[2].attempts) == ("crashed", 2)


def test_a_second_grade_replaces_the_first(make_score: MakeScore) -> None:
    """The same hand-in graded again is one attempt; a fault of ours replaces nothing."""
    first = make_score(score=100)
    again = make_score(score=60, graded_at=make_score(minute=10).graded_at)
    fault = make_score(score=0, status="grader_fault", graded_at=make_score(minute=20).graded_at)
    (row,) = standings([again, first, fault], "04")

    assert (row.score, row.attempts) == (60, 1)


def test_equal_attempts_of_one_team_are_told_apart_by_id(make_score: MakeScore) -> None:
    """Which of two equal attempts is shown does not depend on the order of the files."""
    scores = [make_score(source=source, loss=0.9) for source in ("x = 1", "x = 2")]

    assert standings(scores, "04") == standings(scores[::-1], "04")


def test_challenges_do_not_mix(make_score: MakeScore) -> None:
    """Each challenge has standings of its own."""
    scores = [make_score(challenge="05", team="blue"), make_score(challenge="04", team="red")]

    assert challenge_ids(scores) == ["04", "05"]
    assert summary(standings(scores, "05")) == [(1, "blue")]
    assert standings(scores, "01") == []


def test_dense_ranks_skip_nothing(make_score: MakeScore) -> None:
    """1, 1, 2, where the event says so."""
    scores = [make_score(team=team, loss=0.9) for team in ("red", "blue")]
    scores.append(make_score(team="amber", loss=1.0))

    rows = standings(scores, "04", Event(ranks="dense"))
    assert summary(rows) == [(1, "blue"), (1, "red"), (2, "amber")]


def test_the_last_attempt_that_can_rank_counts_if_the_event_says_so(make_score: MakeScore) -> None:
    """With count = "last" a worse attempt replaces a better one; a crash replaces nothing."""
    scores = [
        make_score(score=80),
        make_score(score=60, minute=1),
        make_score(score=0, minute=2, status="crashed"),
    ]
    (row,) = standings(scores, "04", Event(count="last"))

    assert (row.rank, row.score, row.attempts) == (1, 60, 3)


def test_teams_off_the_roster_take_nobodys_place(make_score: MakeScore) -> None:
    """They come last, best first, without a rank."""
    scores = [
        make_score(team="red", score=40),
        make_score(team="blue", score=0, status="timeout"),
        make_score(team="guest", score=60),
        make_score(team="better guest", score=100),
    ]
    rows = standings(scores, "04", Event(teams=(Team(name="red"), Team(name="blue"))))

    expected = [(1, "red"), (None, "blue"), (None, "better guest"), (None, "guest")]
    assert summary(rows) == expected
    assert [row.listed for row in rows] == [True, True, False, False]


def test_what_does_not_count_is_shown(make_score: MakeScore) -> None:
    """A team whose only attempt came late stands without a rank, and the row says why."""
    scores = [make_score(team="red"), make_score(team="red", score=100, minute=9)]
    scores.append(make_score(team="blue", score=100, minute=9))
    closes = make_score(minute=5).submitted_at
    rows = standings(scores, "04", Event(closes=closes))

    assert summary(rows) == [(1, "red"), (None, "blue")]
    assert [(row.score, row.attempts, row.not_counted) for row in rows] == [(40, 1, 1), (100, 0, 1)]
    assert rows[1].verdict == "late"


@settings(max_examples=50, deadline=None)
@given(ATTEMPTS)
def test_dense_ranks_are_right_for_every_pair(
    make_score: MakeScore, attempts: list[dict[str, Any]]
) -> None:
    """The order is that of competition ranks; dense ones count the different ranks before them."""
    scores = build(make_score, attempts)
    usual = standings(scores, "04")
    dense = standings(scores, "04", Event(ranks="dense"))

    steps = sorted({row.rank for row in usual if row.rank is not None})
    assert [row.team for row in dense] == [row.team for row in usual]
    assert [row.rank for row in dense] == [
        None if row.rank is None else steps.index(row.rank) + 1 for row in usual
    ]


@given(ATTEMPTS, st.randoms(use_true_random=False))
def test_the_order_of_the_files_does_not_matter(
    make_score: MakeScore, attempts: list[dict[str, Any]], random: Any
) -> None:
    """Shuffled scores, some of them twice, stand the same."""
    scores = build(make_score, attempts)
    shuffled = scores + scores[::2]
    random.shuffle(shuffled)

    assert standings(shuffled, "04") == standings(scores, "04")


@given(ATTEMPTS)
def test_ranks_are_right_for_every_pair(
    make_score: MakeScore, attempts: list[dict[str, Any]]
) -> None:
    """A rank is one more than the number of teams that are strictly better."""

    def standing(row: Row) -> tuple[Any, ...]:
        loss = float("inf") if row.metric is None else round(row.metric.value or 0.0, 3)
        return (-row.score, loss, row.submitted_at)

    rows = standings(build(make_score, attempts), "04")
    ranked = [row for row in rows if row.rank is not None]

    for row in ranked:
        assert row.rank == 1 + sum(standing(other) < standing(row) for other in ranked)
    assert rows[: len(ranked)] == ranked
    assert len({row.team for row in rows}) == len(rows)


@given(ATTEMPTS)
def test_a_worse_attempt_changes_only_the_count(
    make_score: MakeScore, attempts: list[dict[str, Any]]
) -> None:
    """Trying again never costs a place."""
    scores = build(make_score, [*attempts, {**EXAMPLE, "minute": 1}])
    before = standings(scores, "04")
    after = standings([*scores, *build(make_score, [{**EXAMPLE, "minute": 5}])], "04")

    expected = [
        msgspec.structs.replace(row, attempts=row.attempts + (row.team == "red")) for row in before
    ]
    assert after == expected


@given(ATTEMPTS)
def test_faults_of_ours_change_nothing(
    make_score: MakeScore, attempts: list[dict[str, Any]]
) -> None:
    """A grader fault is nobody's attempt."""
    scores = build(make_score, attempts)
    sound = [score for score in scores if score.status != "grader_fault"]

    assert standings(scores, "04") == standings(sound, "04")


@given(ATTEMPTS)
def test_a_better_attempt_never_lowers_its_team(
    make_score: MakeScore, attempts: list[dict[str, Any]]
) -> None:
    """A perfect hand-in puts its team before everyone with fewer points."""
    perfect = make_score(team="red", score=100, minute=7, loss=0.1, source="new")
    scores = [*build(make_score, attempts), perfect]
    red = next(row for row in standings(scores, "04") if row.team == "red")

    assert (red.score, red.rank is not None) == (100, True)
    assert best_attempt([score for score in scores if score.team == "red"]) is not None


EXAMPLE = {
    "team": "red",
    "score": 0,
    "source": "worse",
    "loss": None,
    "status": "graded",
    "seed": "1",
}
