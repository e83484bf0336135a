"""leaderboard.table"""

import csv
import io
import json
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from tabulate import tabulate_formats

from leaderboard.errors import UnknownFormatError
from leaderboard.formats import FORMATS
from leaderboard.ranking import Row, standings
from leaderboard.score import Metric, Score
from leaderboard.table import metric_text, render
from leaderboard.text import printable

MakeScore = Callable[..., Score]
MakeMetric = Callable[..., Metric]

HOSTILE = "=1+1|\x1b[2J<img src=x>\u202e\\`*_[a](b)\n9\t\x7f"


@pytest.fixture
def rows(make_score: MakeScore) -> list[Row]:
    """Two teams with a rank, one without."""
    return standings(
        [
            make_score(team="red", score=100, loss=0.8996),
            make_score(team="blue", score=100, loss=0.91, minute=1),
            make_score(team="grey", score=0, status="out_of_memory"),
        ],
        "04",
    )


def test_a_table_as_people_read_it(rows: list[Row]) -> None:
    """Rank, team, points, metric at its precision, attempts, UTC; a team without rank last."""
    assert render(rows) == (
        "  rank  team            score    loss    attempts  when (UTC)\n"
        "------  ------  -------------  ------  ----------  -------------------\n"
        "     1  red         100 / 100   0.900           1  2026-11-23 21:22:00\n"
        "     2  blue        100 / 100   0.910           1  2026-11-23 21:23:00\n"
        "     -  grey    out of memory       -           1  2026-11-23 21:22:00"
    )


def test_without_metric_there_is_no_column_for_it(make_score: MakeScore) -> None:
    """Challenges that measure nothing beside points have a narrower table."""
    header = render(standings([make_score()], "04")).splitlines()[0]

    assert header.split() == ["rank", "team", "score", "attempts", "when", "(UTC)"]


@pytest.mark.parametrize("fmt", FORMATS)
def test_every_format_renders(make_score: MakeScore, rows: list[Row], fmt: str) -> None:
    """No format fails, for no rows, for some, or for hostile names; none lets control through."""
    hostile = standings([make_score(team=HOSTILE)], "04")

    for text in (render([], fmt), render(rows, fmt), render(hostile, fmt)):
        assert printable(text, multiline=True) == text.replace("\t", r"\t")
    assert "red" in render(rows, fmt)


def test_formats_are_those_of_tabulate_and_some_more() -> None:
    """Whatever tabulate can do, the leaderboard can; Markdown by its name, and two for programs."""
    assert set(FORMATS) == {*tabulate_formats, "json", "csv", "markdown"}


@pytest.mark.parametrize("fmt", ["html", "unsafehtml", "mediawiki", "textile", "moinmoin"])
def test_a_name_brings_no_tags(make_score: MakeScore, fmt: str) -> None:
    """Markup in a name is text, also in the format that tabulate calls unsafe."""
    assert "<img" not in render(standings([make_score(team=HOSTILE)], "04"), fmt)


def test_html_shows_the_name_as_it_is(make_score: MakeScore) -> None:
    """A reader of the page sees the characters of the name."""
    parser = HTMLParser()
    seen: list[str] = []
    parser.handle_data = seen.append  # type: ignore[method-assign, assignment]
    parser.feed(render(standings([make_score(team="<b>&|")], "04"), "html"))

    assert "<b>&|" in [text.strip() for text in seen]


@pytest.mark.parametrize("fmt", ["github", "pipe", "markdown"])
def test_markdown_in_a_name_is_text(make_score: MakeScore, fmt: str) -> None:
    """Pipes, tags, links and emphasis are escaped, so the row keeps its cells."""
    line = render(standings([make_score(team="a|b <i> [x](y) *z*")], "04"), fmt).splitlines()[2]

    assert r"a\|b \<i\> \[x\](y) \*z\*" in line
    assert line.replace(r"\|", "").count("|") == 6


@pytest.mark.parametrize(
    "fmt", ["asciidoc", "jira", "youtrack", "orgtbl", "mediawiki", "moinmoin", "textile"]
)
def test_a_pipe_in_a_name_makes_no_cell(make_score: MakeScore, fmt: str) -> None:
    """In every format that separates cells by a pipe, a name's own pipe does not."""
    text = render(standings([make_score(team="a|b")], "04"), fmt)

    assert "a|b" not in text


@pytest.mark.parametrize("fmt", ["latex", "latex_raw", "latex_booktabs", "latex_longtable"])
def test_latex_in_a_name_is_text(make_score: MakeScore, fmt: str) -> None:
    """A name cannot run a command or start a cell."""
    text = render(standings([make_score(team=r"\input{x} & %")], "04"), fmt)

    assert r"\input" not in text
    assert r"\& \%" in text


def test_long_and_blank_names(make_score: MakeScore) -> None:
    """A long name is cut, and blank that would vanish is shown."""
    scores = [make_score(team=team) for team in ("x" * 500, "", " red", "red")]
    text = render(standings(scores, "04"))

    assert "x" * 47 + "…" in text
    assert "''" in text
    assert "' red'" in text
    assert max(len(line) for line in text.splitlines()) < 120


def test_json_is_data(make_score: MakeScore) -> None:
    """Programs read back the exact names, numbers and times."""
    rows = standings([make_score(team=HOSTILE, loss=0.8996)], "04")
    (record,) = json.loads(render(rows, "json"))

    assert record["team"] == HOSTILE
    assert record["metric"]["value"] == 0.8996
    assert (record["rank"], record["score"], record["attempts"]) == (1, 40, 1)
    assert record["submitted_at"] == "2026-11-23T21:22:00.123456Z"


def test_csv_is_one_line_per_team(make_score: MakeScore, rows: list[Row]) -> None:
    """Spreadsheets get plain columns, and no name is run as a formula."""
    records = list(csv.DictReader(io.StringIO(render(rows, "csv"))))
    (hostile,) = csv.DictReader(
        io.StringIO(render(standings([make_score(team=HOSTILE)], "04"), "csv"))
    )

    assert [record["team"] for record in records] == ["red", "blue", "grey"]
    assert [record["rank"] for record in records] == ["1", "2", ""]
    assert records[0]["value"] == "0.8996"
    assert records[0]["submitted_at"] == "2026-11-23T21:22:00.123456Z"
    assert records[2]["status"] == "out_of_memory"
    assert hostile["team"] == printable(f"'{HOSTILE}")


def test_a_metric_has_its_decimals(make_metric: MakeMetric) -> None:
    """Rounded to the declared precision, without minus zero."""
    assert metric_text(make_metric(0.90049)) == "0.900"
    assert metric_text(make_metric(-0.0001)) == "0.000"
    assert metric_text(make_metric(12.0, precision=0)) == "12"
    assert metric_text(make_metric(float("nan"))) == "-"
    assert metric_text(None) == "-"


def test_an_unknown_format_lists_near_matches() -> None:
    """The error helps with a slip of the pen."""
    with pytest.raises(UnknownFormatError, match="Did you mean github"):
        render([], "gihub")
    with pytest.raises(UnknownFormatError, match="Known: asciidoc"):
        render([], "\x1b")
