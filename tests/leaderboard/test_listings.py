"""leaderboard.listings"""

import csv
import io
import json
from collections.abc import Callable

import msgspec
import pytest

from leaderboard.attempts import judge_attempts
from leaderboard.event import NO_EVENT, Event
from leaderboard.formats import FORMATS
from leaderboard.listings import (
    Mistake,
    history,
    render_history,
    render_mistakes,
    render_stats,
    stats,
)
from leaderboard.overall import overall
from leaderboard.score import Score, SpecResult
from leaderboard.table import render_overall
from leaderboard.text import printable

MakeScore = Callable[..., Score]

HOSTILE = "=1+1|\x1b[2J<img src=x>\u202e\\`*_[a](b)\n9\t\x7f"


def spec(name: str, outcome: str) -> SpecResult:
    result = SpecResult(
        name=name,
        title=f"About {name}.",
        points=1,
        earned=0,
        outcome="failed",
        message="",
        seconds=0,
    )
    return msgspec.structs.replace(result, outcome=outcome)


def test_a_history_says_what_became_of_each_attempt(make_score: MakeScore) -> None:
    """In the order of time; the one that the place rests on stands."""
    scores = [
        make_score(score=40, minute=1),
        make_score(score=80, minute=2),
        make_score(score=90, minute=9),
        make_score(score=0, minute=3, status="grader_fault"),
        make_score(team="blue"),
    ]
    event = Event(closes=make_score(minute=5).submitted_at)
    entries = history(judge_attempts(scores[::-1], event), "red", event)

    assert [(one.score, one.verdict) for one in entries] == [
        (40, "counts"),
        (80, "stands"),
        (0, "our fault"),
        (90, "late"),
    ]
    assert "what became of it" in render_history(entries)


def test_stats_by_example(make_score: MakeScore) -> None:
    """Attempts, teams, passes, the median of attempts to pass, the spec that fails most, mistakes."""
    failed = {"specs": (spec("a", "failed"), spec("b", "passed")), "advice": "Looks like A."}
    scores = [
        make_score(team="red", **failed),
        make_score(team="red", score=100, minute=1, advice=""),
        make_score(team="blue", specs=(spec("b", "failed"),), advice="Looks like B."),
        make_score(team="blue", minute=1, **failed),
        make_score(team="blue", minute=2, score=100),
        make_score(team="grey", status="timeout", score=0),
        make_score(team="ours", status="grader_fault", score=0),
    ]
    (line,) = stats(judge_attempts(scores, NO_EVENT))

    assert (line.attempts, line.teams, line.passed_attempts, line.passed_teams) == (6, 3, 2, 2)
    assert line.median_to_pass == 2.5
    assert (line.hardest, line.hardest_failed) == ("About a.", 2)
    assert line.mistakes == (Mistake("Looks like A.", 2), Mistake("Looks like B.", 1))
    assert "33%" in render_stats([line])
    assert "Looks like B." in render_mistakes([line])


def test_stats_of_nothing(make_score: MakeScore) -> None:
    """No attempts, no lines; nobody passed, no median; no mistakes, no table of them."""
    assert stats([]) == []
    (line,) = stats(judge_attempts([make_score(specs=())], NO_EVENT))

    assert (line.median_to_pass, line.hardest, line.mistakes) == (None, None, ())
    assert render_mistakes([line]) == ""


@pytest.mark.parametrize("fmt", FORMATS)
def test_every_format_renders_every_listing(make_score: MakeScore, fmt: str) -> None:
    """No format fails, for nothing or for hostile text in every field; none lets control through."""
    hostile = make_score(
        team=HOSTILE,
        challenge=HOSTILE,
        advice=HOSTILE,
        specs=(msgspec.structs.replace(spec("a", "failed"), title=HOSTILE),),
    )
    attempts = judge_attempts([hostile], NO_EVENT)
    rows = stats(attempts)

    for text in (
        render_history(history(attempts, HOSTILE), fmt),
        render_stats(rows, fmt),
        render_mistakes(rows, fmt if fmt not in ("csv", "json") else "simple"),
        render_overall(overall(attempts), fmt),
        render_history([], fmt),
        render_stats([], fmt),
        render_overall([], fmt),
    ):
        assert printable(text, multiline=True) == text.replace("\t", r"\t")
        assert fmt not in ("html", "unsafehtml") or "<img" not in text


def test_programs_read_the_overall_table(make_score: MakeScore) -> None:
    """JSON has exact names; CSV one column for each challenge, and no formula."""
    scores = [make_score(team=HOSTILE, challenge=name) for name in ("01", "04")]
    rows = overall(judge_attempts(scores, NO_EVENT))
    (record,) = json.loads(render_overall(rows, "json"))
    (line,) = csv.DictReader(io.StringIO(render_overall(rows, "csv")))

    assert (record["team"], record["points"]) == (HOSTILE, {"01": 40, "04": 40})
    assert (line["points_01"], line["total"], line["rank"]) == ("40", "80.0", "1")
    assert line["team"] == printable(f"'{HOSTILE}")


def test_programs_read_stats_and_histories(make_score: MakeScore) -> None:
    """Both are flat in CSV and whole in JSON."""
    attempts = judge_attempts([make_score(advice="Looks like A.", loss=0.5)], NO_EVENT)
    (line,) = csv.DictReader(io.StringIO(render_stats(stats(attempts), "csv")))
    (record,) = json.loads(render_stats(stats(attempts), "json"))
    (entry,) = csv.DictReader(io.StringIO(render_history(history(attempts, "red"), "csv")))

    assert (line["attempts"], line["known_mistakes"]) == ("1", "1")
    assert record["mistakes"] == [{"advice": "Looks like A.", "times": 1}]
    assert (entry["verdict"], entry["metric"], entry["value"]) == ("stands", "loss", "0.5")
