"""What an event shows of a score, before and after all is revealed."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from grader.cli import main
from leaderboard.event import Event
from leaderboard.ranking import standings
from leaderboard.reveal import final, public, seen_score, with_moves
from leaderboard.score import WHILE_TESTING, Metric, Outcome, Score, SpecResult, encode
from leaderboard.store import Store

MakeScore = Callable[..., Score]
SECRET = "what only the private spec says"


def spec(name: str, points: int, outcome: Outcome, private: bool = False) -> SpecResult:
    """A result; a private one has a title and a message that nobody should read."""
    return SpecResult(
        name=name,
        title=f"{name} {SECRET}" if private else name,
        points=points,
        earned=points if outcome == "passed" else 0,
        outcome=outcome,
        message="" if outcome == "passed" else f"{name} {SECRET if private else ''}",
        seconds=0.1,
        private=private,
    )


@pytest.fixture
def attempt(make_score: MakeScore) -> Callable[..., Score]:
    """A score with a public spec of 70 points and a private one of 30."""

    def make(shown: Outcome, kept: Outcome, **fields: object) -> Score:
        specs = (spec("test_shown", 70, shown), spec("test_kept", 30, kept, private=True))
        points = sum(one.earned for one in specs)
        return make_score(score=points, **{"specs": specs, "advice": "Look there.", **fields})

    return make


def loss(value: float) -> Metric:
    return Metric(name="loss", value=value, stderr=0.01, order="lower", precision=3)


def test_the_public_view_holds_nothing_of_private_specs(attempt: Callable[..., Score]) -> None:
    """Neither points nor titles, messages, metric or a signature of the whole survive."""
    score = attempt("passed", "failed", private_metric=loss(1.5), signature="00")

    shown = public(score)

    assert (shown.score, shown.max_score, shown.passed) == (70, 70, True)
    assert SECRET not in encode(shown).decode()
    assert "test_kept" not in encode(shown).decode()
    assert (shown.private_metric, shown.signature) == (None, None)


def test_where_a_hand_in_was_lost_is_kept_back_too(attempt: Callable[..., Score]) -> None:
    """Of a crash in a private spec everybody may know that it was one, and not in which spec."""
    for private in (False, True):
        score = attempt("not_run", "not_run", status="crashed")
        title = score.specs[private].title
        told = msgspec.structs.replace(score, message=f"It ended.{WHILE_TESTING.format(title)}")

        assert public(told).message == ("It ended." if private else told.message)


def test_advice_stays_away_where_only_a_private_spec_failed(attempt: Callable[..., Score]) -> None:
    """It would tell that there is something to mend that no public spec sees."""
    assert public(attempt("passed", "failed")).advice == ""
    assert public(attempt("failed", "failed")).advice == "Look there."


@given(
    outcomes=st.lists(
        st.tuples(st.sampled_from(["passed", "failed", "skipped"]), st.booleans()), min_size=1
    )
)
def test_public_and_private_points_are_all_points(
    outcomes: list[tuple[Outcome, bool]], make_score: MakeScore
) -> None:
    """What the public view leaves out is what private specs are worth, no more and no less."""
    specs = tuple(
        spec(f"test_{number}", 1, outcome, private)
        for number, (outcome, private) in enumerate(outcomes)
    )
    whole = make_score(
        score=sum(one.earned for one in specs), max_score=len(specs), passed=False, specs=specs
    )

    shown = public(whole)

    kept = [one for one in specs if one.private]
    assert sum(one.earned for one in kept) == whole.score - shown.score
    assert len(kept) == whole.max_score - shown.max_score


def test_an_event_without_secrets_shows_the_record(attempt: Callable[..., Score]) -> None:
    """Marks in a challenge change nothing until an event asks for them."""
    scores = [attempt("passed", "failed")]

    assert [seen_score(one, Event()) for one in scores] == scores


def test_the_final_metric_is_the_private_one(attempt: Callable[..., Score]) -> None:
    """It was measured on what nobody could tune to; where there is none, the public one stays."""
    both = attempt("passed", "passed", metric=loss(1.0), private_metric=loss(1.2))
    one = msgspec.structs.replace(both, private_metric=None)

    assert final(both).metric == loss(1.2)
    assert final(one).metric == loss(1.0)


def test_moves_are_ranks_gained(attempt: Callable[..., Score]) -> None:
    """Whoever was first in public and second in the end has moved by minus one."""
    event = Event(private=True)
    scores = [
        attempt("passed", "failed", team="early", minute=0),
        attempt("passed", "passed", team="thorough", minute=5),
        attempt("failed", "failed", team="last", minute=1),
    ]
    before = standings([seen_score(one, event) for one in scores], "04", event)
    after = standings([seen_score(one, event, revealed=True) for one in scores], "04", event)

    assert [row.team for row in before] == ["early", "thorough", "last"]
    moves = {row.team: row.moved for row in with_moves(after, before)}
    assert moves == {"thorough": 1, "early": -1, "last": 0}


@pytest.fixture
def store(tmp_path: Path, attempt: Callable[..., Score]) -> Store:
    """A store with an event that keeps private specs back."""
    store = Store(tmp_path / "scores")
    store.path.mkdir()
    (store.path / "leaderboard.toml").write_text('private = true\n[[challenges]]\nid = "04"\n')
    store.add(attempt("passed", "failed", team="early", minute=0))
    store.add(attempt("passed", "passed", team="thorough", minute=5))
    return store


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(main, [str(one) for one in arguments], prog_name="grader")
    return result.exit_code, result.stdout, result.stderr


VIEWS = (
    ["leaderboard"],
    ["leaderboard", "04", "--format", "json"],
    ["leaderboard", "--overall"],
    ["leaderboard", "--history", "early", "--format", "json"],
)


@pytest.mark.parametrize("arguments", VIEWS, ids=" ".join)
def test_no_table_tells_of_private_specs_before_the_end(arguments: list[str], store: Store) -> None:
    """A team with 70 public points and nothing else looks like one with all 100."""
    code, out, _ = run(*arguments, "--store", store.path)

    assert code == 0
    assert "70" in out
    assert "100" not in out
    assert SECRET not in out


def test_no_statistic_and_no_list_tells_of_private_specs(store: Store) -> None:
    """Both hand-ins pass what is public, and no spec that failed is named."""
    stats = json.loads(run("leaderboard", "--stats", "--format", "json", "--store", store.path)[1])
    listed = run("list", "--store", store.path)[1]

    assert (stats[0]["passed_attempts"], stats[0]["hardest"]) == (2, None)
    assert "70 (early)" in listed


def test_show_keeps_back_what_the_event_keeps_back(store: Store) -> None:
    """A single score is public too, until it is asked for with --reveal."""
    key = store.read()[0][0].id

    hidden = run("show", key, "--store", store.path, "--json")[1]
    whole = run("show", key, "--store", store.path, "--json", "--reveal")[1]

    assert SECRET not in hidden
    assert SECRET in whole


@pytest.mark.parametrize("which", [["04"], ["--overall"], []], ids=" ".join)
def test_reveal_shows_final_points_and_who_has_moved(which: list[str], store: Store) -> None:
    """The shake-up stands in a column of its own."""
    code, out, err = run("leaderboard", *which, "--reveal", "--store", store.path)

    lines = [line.split() for line in out.splitlines() if "early" in line or "thorough" in line]
    assert (code, err) == (0, "")
    assert "moved" in out
    assert [line[:4] for line in lines] == [
        ["1", "+1", "thorough", "100"],
        ["2", "-1", "early", "70"],
    ]


def test_reveal_while_the_event_is_open_says_so(store: Store) -> None:
    """The organiser may look, and is told what the look is worth."""
    rules = store.path / "leaderboard.toml"
    rules.write_text("closes = 2999-01-01T00:00:00Z\n" + rules.read_text())

    assert "still open" in run("leaderboard", "--reveal", "--store", store.path)[2]


def test_reveal_without_secrets_is_refused(store: Store) -> None:
    """Nothing kept back, nothing to reveal: the answer names the line to write."""
    (store.path / "leaderboard.toml").unlink()

    code, _, err = run("leaderboard", "--reveal", "--store", store.path)

    assert code == 2
    assert "private = true" in err


def test_programs_get_the_moves_as_numbers(store: Store) -> None:
    """JSON has a number where something was revealed, and null where nothing was."""
    hidden = json.loads(run("leaderboard", "--format", "json", "--store", store.path)[1])
    told = json.loads(run("leaderboard", "--format", "json", "--reveal", "--store", store.path)[1])

    assert [row["moved"] for row in hidden] == [None, None]
    assert [row["moved"] for row in told] == [1, -1]
