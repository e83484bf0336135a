"""Scores for Gradescope and PrairieLearn, and as Markdown: what their documentation and readers say."""

from __future__ import annotations

import io
import json
import unittest
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from gradescope_utils.autograder_utils.decorators import leaderboard, number, visibility, weight
from gradescope_utils.autograder_utils.json_test_runner import JSONTestRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from markdown_it import MarkdownIt

from grader.cli import main
from leaderboard.errors import ExportError
from leaderboard.gradescope import gradescope
from leaderboard.markdown import block, code, markdown
from leaderboard.prairielearn import prairielearn
from leaderboard.reveal import public
from leaderboard.score import Metric, Score, SpecResult, encode
from leaderboard.store import Store

MakeScore = Callable[..., Score]
HOSTILE = (
    "<script>alert(1)</script> @octocat [x](javascript:1) | ``` **b** #1 \x1b[2J\u202e\n# h &lt;"
)


def spec(name: str, outcome: Any, points: int, message: str = "", **fields: Any) -> SpecResult:
    earned = points if outcome == "passed" else 0
    one = SpecResult(
        name=f"test_{name}",
        title=f"{name} holds.",
        points=points,
        earned=earned,
        outcome=outcome,
        message=message,
        seconds=0.25,
    )
    return msgspec.structs.replace(one, **fields)


SPECS = (
    spec("first", "passed", 40),
    spec("second", "failed", 20, "It is wrong."),
    spec("third", "skipped", 10, "first needs second"),
    spec("fourth", "failed", 0, "It is on the wrong device."),
)
SECRET = spec("secret", "failed", 30, "What only the private spec says.", private=True)
METRIC = Metric(name="loss", value=0.51234, stderr=0.004, order="lower", precision=3)

# https://gradescope-autograders.readthedocs.io/en/latest/specs/, "Output format" and what follows it.
SHOWN = {"enum": ["visible", "hidden", "after_due_date", "after_published"]}
FORMAT = {"enum": ["text", "html", "simple_format", "md", "ansi"]}
GRADESCOPE = Draft202012Validator(
    {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "score": {"type": "number"},
            # Seconds; Gradescope's own runner writes them as text.
            "execution_time": {"type": ["number", "string"]},
            "output": {"type": "string"},
            "output_format": FORMAT,
            "test_output_format": FORMAT,
            "test_name_format": FORMAT,
            "visibility": SHOWN,
            "stdout_visibility": SHOWN,
            "extra_data": {"type": "object"},
            "tests": {
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "score": {"type": "number"},
                        "max_score": {"type": "number"},
                        "status": {"enum": ["passed", "failed"]},
                        "name": {"type": "string"},
                        "name_format": FORMAT,
                        "number": {"type": "string"},
                        "output": {"type": "string"},
                        "output_format": FORMAT,
                        "tags": {"type": "array", "items": {"type": "string"}},
                        "visibility": SHOWN,
                        "extra_data": {"type": "object"},
                    },
                },
            },
            "leaderboard": {
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["name", "value"],
                    "properties": {
                        "name": {"type": "string"},
                        "value": {"type": ["number", "string"]},
                        "order": {"enum": ["asc", "desc"]},
                    },
                },
            },
        },
        "anyOf": [
            {"required": ["score"]},
            {"properties": {"tests": {"minItems": 1, "items": {"required": ["score"]}}}},
        ],
    }
)
# https://prairielearn.readthedocs.io/en/latest/externalGrading/, "Grading results"; the types are those of
# ExternalGradingResultsSchema in github.com/PrairieLearn/PrairieLearn, and of what
# apps/prairielearn/elements/pl-external-grader-results reads of each test.
PRAIRIELEARN = Draft202012Validator(
    {
        "type": "object",
        "properties": {
            "gradable": {"type": "boolean"},
            "score": {"type": "number", "minimum": 0, "maximum": 1},
            "format_errors": {
                "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
            },
            "message": {"type": "string"},
            "output": {"type": "string"},
            "tests": {
                "type": "array",
                "items": {
                    "type": "object",
                    "required": ["name", "points", "max_points"],
                    "properties": {
                        "name": {"type": "string"},
                        "description": {"type": "string"},
                        "points": {"type": "number"},
                        "max_points": {"type": "number"},
                        "message": {"type": "string"},
                        "output": {"type": "string"},
                    },
                },
            },
        },
        "if": {"properties": {"gradable": {"const": False}}, "required": ["gradable"]},
        "else": {"required": ["score"]},
    }
)


def valid(text: str, schema: Draft202012Validator) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(text)
    assert [error.message for error in schema.iter_errors(document)] == []
    return document


# Gradescope.


class Course(unittest.TestCase):
    """What Gradescope's own runner is given, to see what it writes; none of pytest's."""

    __test__ = False

    @weight(2)
    @visibility("after_due_date")
    @number("1.1")
    def test_a(self) -> None:
        """A holds."""

    @weight(1)
    def test_b(self) -> None:
        """B holds."""
        self.fail("it does not")

    @leaderboard("Time", "asc")
    def test_c(self, set_leaderboard_value: Any = None) -> None:
        set_leaderboard_value(3.5)


def test_gradescope_has_the_keys_of_its_own_runner(make_score: MakeScore) -> None:
    """Both are valid by the documentation, and every key that its runner writes has the same type here."""
    file = io.StringIO()
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(Course)
    JSONTestRunner(stdout_visibility="hidden", stream=file).run(suite)
    theirs = valid(file.getvalue(), GRADESCOPE)
    ours = valid(gradescope(make_score(specs=(*SPECS, SECRET), metric=METRIC)), GRADESCOPE)

    for key in ("tests", "leaderboard", "stdout_visibility"):
        assert type(ours[key]) is type(theirs[key]), key
    for part in ("tests", "leaderboard"):
        (known,) = [set().union(*theirs[part])]
        assert known <= set().union(*ours[part]) | {"tags"}, part


def test_gradescope_adds_up_to_the_score(make_score: MakeScore) -> None:
    """Each spec is a test with its points; their sum is the score, of which no other number is given."""
    document = valid(gradescope(make_score(specs=(*SPECS, SECRET), score=40)), GRADESCOPE)

    assert "score" not in document
    assert sum(test["score"] for test in document["tests"]) == 40
    assert sum(test["max_score"] for test in document["tests"]) == 100
    assert [test.get("status") for test in document["tests"]] == [
        *("passed", "failed", "failed", None, "failed")
    ]


def test_gradescope_keeps_private_specs_back(make_score: MakeScore) -> None:
    """They are shown after the due date; nothing that is shown before tells of them, unless revealed."""
    score = make_score(
        specs=(SPECS[0], SECRET),
        score=40,
        advice="Advice for the private spec.",
        metric=METRIC,
        private_metric=msgspec.structs.replace(METRIC, value=9.0),
    )
    document = valid(gradescope(score), GRADESCOPE)
    shown = {
        **document,
        "tests": [one for one in document["tests"] if one["name"] != "secret holds."],
    }

    (hidden,) = [one for one in document["tests"] if one["name"] == "secret holds."]
    assert hidden["visibility"] == "after_due_date"
    assert "private" not in json.dumps(shown)
    assert "secret" not in json.dumps(shown)
    assert [column["value"] for column in document["leaderboard"]] == [40, 0.512]
    revealed = valid(gradescope(score, revealed=True), GRADESCOPE)
    assert {one["visibility"] for one in revealed["tests"]} == {"visible"}
    assert revealed["leaderboard"][1]["value"] == 9.0


@pytest.mark.parametrize("status", ["ungradable", "timeout", "crashed", "violation"])
def test_gradescope_says_why_there_is_no_grade(make_score: MakeScore, status: Any) -> None:
    """No points, and the reason; also where no spec is listed."""
    fields = {"status": status, "passed": False, "score": 0, "message": "It took too long."}
    several = valid(
        gradescope(make_score(specs=(spec("a", "not_run", 100),), **fields)), GRADESCOPE
    )
    none = valid(gradescope(make_score(specs=(), **fields)), GRADESCOPE)

    assert several["output"] == none["output"] == "It took too long."
    assert (none["score"], several["tests"][0]["score"]) == (0, 0)


@pytest.mark.parametrize("write", [gradescope, prairielearn])
def test_our_fault_is_nobodys_attempt(make_score: MakeScore, write: Any) -> None:
    """There is no document with points: both platforms then say that grading has failed."""
    fault = make_score(status="grader_fault", passed=False, score=0, specs=())

    with pytest.raises(ExportError, match="our fault"):
        write(fault)


# PrairieLearn.


def test_prairielearn_shows_every_spec(make_score: MakeScore) -> None:
    """The score is a fraction, each spec a test with its points, and prints are the output."""
    score = make_score(specs=(*SPECS, SECRET), score=40, output="hello", advice="Look at the mask.")
    document = valid(prairielearn(public(score)), PRAIRIELEARN)

    assert document["score"] == pytest.approx(40 / 70)
    assert [(one["points"], one["max_points"]) for one in document["tests"]] == [
        *((40, 40), (0, 20), (0, 10), (0, 0))
    ]
    assert (document["message"], document["output"]) == ("Look at the mask.", "hello")
    assert "secret" not in json.dumps(document)


def test_prairielearn_counts_no_attempt_that_cannot_be_graded(make_score: MakeScore) -> None:
    """What does not import is not gradable, with the reason; what ran too long is graded, with 0."""
    fields = {"passed": False, "score": 0, "message": "It does not import.", "specs": ()}
    refused = valid(prairielearn(make_score(status="ungradable", **fields)), PRAIRIELEARN)
    late = valid(prairielearn(make_score(status="timeout", **fields)), PRAIRIELEARN)

    assert refused == {"gradable": False, "format_errors": ["It does not import."]}
    assert (late["gradable"], late["score"], late["message"]) == (True, 0, "It does not import.")


def test_prairielearn_stays_below_its_limit(make_score: MakeScore) -> None:
    """The file may have 1 MB: prints that grow tenfold when they are made visible are cut."""
    specs = tuple(spec(f"s{n}", "failed", 2, "\x1b" * 4000) for n in range(40))
    text = prairielearn(make_score(specs=specs, score=0, output="\U000e0041" * (1 << 16)))

    valid(text, PRAIRIELEARN)
    assert len(text.encode()) < 1_000_000


# Markdown.


class Seen(HTMLParser):
    """What a page of HTML has: tags with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.outside = ""
        self._code = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self._code += tag == "code"

    def handle_endtag(self, tag: str) -> None:
        self._code -= tag == "code"

    def handle_data(self, data: str) -> None:
        self.text += data
        self.outside += "" if self._code else data


PLAIN = {"h3", "p", "strong", "code", "pre", "table", "thead", "tbody", "tr", "th", "td"}


def rendered(text: str) -> Seen:
    """What a reader of CommonMark with tables makes of it; it lets HTML through, as forges do."""
    return Seen(MarkdownIt("commonmark", {"html": True}).enable("table").render(text))


def test_markdown_says_what_the_record_says(make_score: MakeScore) -> None:
    """A heading, the verdict, a table of the specs, and the words of those that did not pass."""
    page = rendered(markdown([make_score(specs=SPECS), make_score(team="blue", specs=())]))

    assert page.tags == PLAIN
    for words in ("04 Causal self-attention: red", "40/100, not passed", "It is wrong.", "blue"):
        assert words in page.text, words


TEXT = st.text(alphabet=st.sampled_from([*"<>&\"'`|*_[]()#@!\\~:\n\r\t /-=+1a.", "\x1b", "\u202e"]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(text=st.just(HOSTILE) | TEXT)
def test_whatever_a_stranger_writes_stays_text(make_score: MakeScore, text: str) -> None:
    """Names, messages, advice and prints make no markup, and stand in code, where nobody is mentioned."""
    one = msgspec.structs.replace(SPECS[1], title=text, message=text)
    submission = msgspec.structs.replace(make_score().submission, name=text)
    page = rendered(
        markdown(
            [make_score(team=text, specs=(one,), advice=text, output=text, submission=submission)]
        )
    )

    assert page.tags <= PLAIN
    assert page.attributes <= {"class", "style"}
    assert "@" not in page.outside
    assert "\x1b" not in page.text
    assert "\u202e" not in page.text


@given(TEXT)
def test_a_block_is_one_block(text: str) -> None:
    """No line of a stranger's ends the fence."""
    html = MarkdownIt("commonmark").render(f"{block(text, 1000)}\n\nafter\n")

    assert html.count("<pre>") == 1
    assert html.endswith("<p>after</p>\n")


@given(TEXT)
def test_code_is_one_line(text: str) -> None:
    """In a cell of a table code stays one cell."""
    html = (
        MarkdownIt("commonmark", {"html": True})
        .enable("table")
        .render(f"| a |\n|---|\n| {code(text)} |\n")
    )

    assert html.count("<td") == 1


# The command.


def run(*arguments: object) -> tuple[int, str, str]:
    """Run a command in this process; returns exit code, standard output, standard error."""
    result = CliRunner().invoke(main, [str(one) for one in arguments], prog_name="grader")
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def store(tmp_path: Path, make_score: MakeScore) -> Store:
    """Two teams; private specs; one file outside of any store."""
    found = Store(tmp_path / "store")
    for team in ("red", "blue"):
        found.add(make_score(team=team, specs=(SPECS[0], SECRET)))
    (tmp_path / "alone.json").write_bytes(
        encode(make_score(team="alone", specs=(SPECS[0], SECRET)))
    )
    return found


@pytest.mark.parametrize("fmt", ["junit", "ctrf", "markdown"])
def test_export_holds_several_and_keeps_private_specs_back(fmt: str, store: Store) -> None:
    """All of the store or those that are chosen; private specs only with --reveal."""
    words = ("export", "--to", fmt, "--store", store.path)

    everything, one = run(*words), run(*words, "--team", "red")

    assert (everything[0], one[0]) == (0, 0)
    assert "blue" in everything[1]
    assert "blue" not in one[1]
    assert "secret" not in everything[1]
    assert "private spec" not in everything[1]
    assert "secret" in run(*words, "--reveal")[1]


@pytest.mark.parametrize("fmt", ["gradescope", "prairielearn"])
def test_export_of_one_wants_one(fmt: str, store: Store, tmp_path: Path) -> None:
    """By its team, its id or its file; two are wrong usage."""
    words = ("export", "--to", fmt, "--store", store.path)
    schema = GRADESCOPE if fmt == "gradescope" else PRAIRIELEARN

    assert run(*words)[0] == 2
    assert "takes one score, and 2 fit" in run(*words)[2]
    valid(run(*words, "--team", "red")[1], schema)
    valid(run("export", tmp_path / "alone.json", *words[1:])[1], schema)
    assert run("export", "04-2", "--team", "red", *words[1:])[0] == 2


def test_export_writes_a_file(store: Store, tmp_path: Path) -> None:
    """--out writes it whole, in the place of an older one, as the user's other files are."""
    out = tmp_path / "results" / "results.json"
    words = ("export", "--to", "gradescope", "--store", store.path, "--team", "red", "--out", out)

    assert run(*words) == run(*words) == (0, "", "")
    valid(out.read_text(), GRADESCOPE)
    assert list(out.parent.iterdir()) == [out]


def test_export_of_what_is_no_score_has_words(tmp_path: Path) -> None:
    """A file that is none, and an id that nobody has: exit code 2, and the name."""
    (tmp_path / "x.json").write_text("{}")

    for key in (tmp_path / "x.json", "04-none"):
        code, out, err = run("export", key, "--to", "junit", "--store", tmp_path / "store")
        assert (code, out) == (2, "")
        assert str(key) in err
