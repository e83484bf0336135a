"""How the standings came to be."""

from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from leaderboard.attempts import judge_attempts
from leaderboard.event import NO_EVENT, Entry, Event, Team
from leaderboard.overall import overall
from leaderboard.progress import progress
from leaderboard.score import Score

MakeScore = Callable[..., Score]


def test_a_total_has_a_step_for_each_change(make_score: MakeScore) -> None:
    """Better attempts are steps, worse ones are none."""
    scores = [make_score(score=points, minute=n) for n, points in enumerate((40, 30, 70))]
    steps = progress(judge_attempts(scores, NO_EVENT)).steps

    assert [(step.team, step.total) for step in steps] == [("red", 40), ("red", 70)]


def test_the_lead_changes_hands(make_score: MakeScore) -> None:
    """Who comes to the top leads from that moment; who falls back and returns leads again."""
    told = [("red", 40, 0), ("blue", 50, 1), ("blue", 55, 2), ("red", 60, 3)]
    scores = [make_score(team=team, score=points, minute=n) for team, points, n in told]
    leads = progress(judge_attempts(scores, NO_EVENT)).leads

    assert [lead.teams for lead in leads] == [("red",), ("blue",), ("red",)]
    assert [lead.since for lead in leads] == [scores[n].submitted_at for n in (0, 1, 3)]


def test_nobody_leads_without_points(make_score: MakeScore) -> None:
    """A first attempt without points is no lead."""
    assert progress(judge_attempts([make_score(score=0)], NO_EVENT)).leads == ()


def test_guests_never_lead(make_score: MakeScore) -> None:
    """A team that is not on the roster has steps, and takes nobody's lead."""
    event = Event(teams=(Team(name="red"),))
    scores = [make_score(score=10), make_score(team="guests", score=90, minute=1)]
    told = progress(judge_attempts(scores, event), event)

    assert {step.team for step in told.steps} == {"red", "guests"}
    assert [lead.teams for lead in told.leads] == [("red",)]


def test_equal_teams_share_the_lead(make_score: MakeScore) -> None:
    """Two teams with the same points at the same moment lead together, and it is one change."""
    scores = [make_score(team=team, score=40) for team in ("red", "blue")]
    leads = progress(judge_attempts(scores, NO_EVENT)).leads

    assert [lead.teams for lead in leads] == [("blue", "red")]


attempts = st.lists(
    st.tuples(
        st.sampled_from(["red", "blue", "green"]),
        st.sampled_from(["04", "05"]),
        st.integers(0, 100),
        st.integers(0, 30),
        st.sampled_from(["graded", "timeout"]),
    ),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(attempts, st.sampled_from(["best", "last"]), st.sampled_from([None, 2]))
def test_it_ends_where_the_standings_are(
    make_score: MakeScore, told: list[tuple[str, str, int, int, str]], count: str, most: int | None
) -> None:
    """The last totals and the last lead are those of the overall standings, and so at every moment."""
    event = Event(
        challenges=(Entry(id="04"), Entry(id="05", weight=1.5)),
        count=count,  # type: ignore[arg-type]
        attempts=most,
    )
    scores = [
        make_score(
            team=team, challenge=key, score=points, minute=minute, source=str(n), status=status,
            passed=False,
        )
        for n, (team, key, points, minute, status) in enumerate(told)
    ]  # fmt: skip
    judged = judge_attempts(scores, event)
    found = progress(judged, event)
    for moment in {score.submitted_at for score in scores}:
        until = [one for one in judged if one.score.submitted_at <= moment]
        rows = [row for row in overall(until, event) if row.rank is not None]
        totals = {step.team: step.total for step in found.steps if step.at <= moment}
        assert {row.team: row.total for row in rows if row.total} == {
            team: total for team, total in totals.items() if total
        }
        first = tuple(sorted(row.team for row in rows if row.rank == 1 and row.total))
        leads = [lead.teams for lead in found.leads if lead.since <= moment]
        assert (leads[-1] if leads else ()) == first

    ordered = [step.at for step in found.steps]
    assert ordered == sorted(ordered)
