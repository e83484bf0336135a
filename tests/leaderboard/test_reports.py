"""Scores as JUnit XML and as CTRF: what the published schemas and other programs' readers say of them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import junitparser
import pytest
import xmlschema
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from leaderboard.ctrf import ctrf
from leaderboard.junit import junit
from leaderboard.score import Score, SpecResult

SCHEMAS = Path(__file__).parent / "schemas"
MakeScore = Callable[..., Score]
XSD = xmlschema.XMLSchema(str(SCHEMAS / "junit-10.xsd"))
CTRF = Draft7Validator(json.loads((SCHEMAS / "ctrf-schema-0.0.json").read_text("utf-8")))
HOSTILE = '</testcase>]]>"&<\x00\x1b[2J\ufffe\uffff\udcff\u202e\n# heading'


def spec(name: str, outcome: Any, points: int = 10, message: str = "") -> SpecResult:
    earned = points if outcome == "passed" else 0
    return SpecResult(
        name=f"test_{name}",
        title=f"{name} holds.",
        points=points,
        earned=earned,
        outcome=outcome,
        message=message,
        seconds=0.25,
    )


SPECS = (
    spec("first", "passed"),
    spec("second", "failed", message="It is wrong.\nLine 3."),
    spec("third", "skipped", message="first needs second"),
    spec("fourth", "failed", points=0, message="It is on the wrong device."),
)


def printed(text: str) -> list[str]:
    """What the hand-ins have printed, as the document has it."""
    return [one.text or "" for one in ElementTree.fromstring(text.encode()).iter("system-out")]


def valid_ctrf(text: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(text)
    assert [error.message for error in CTRF.iter_errors(document)] == []
    return document


def test_junit_is_valid_and_is_read_as_it_was_meant(make_score: MakeScore) -> None:
    """Jenkins' schema takes the document, and another program's reader finds the same outcomes in it."""
    text = junit([make_score(specs=SPECS, output="hello"), make_score(team="blue", specs=())])
    XSD.validate(text)
    red, blue = junitparser.JUnitXml.fromstring(text.encode())
    results = {case.name: [type(one).__name__ for one in case.result] for case in red}

    assert red.name == "04 Causal self-attention, red"
    assert (red.tests, red.failures, red.errors, red.skipped) == (5, 1, 0, 1 + 1)
    assert results == {
        "The hand-in can be graded.": [],
        "first holds.": [],
        "second holds.": ["Failure"],
        "third holds.": ["Skipped"],
        "fourth holds.": ["Skipped"],
    }
    assert {one.name: one.value for one in red.properties()}["score"] == "40"
    assert printed(text) == ["hello"]
    assert blue.tests == 1


def test_ctrf_is_valid_and_says_the_same(make_score: MakeScore) -> None:
    """The schema of CTRF takes the document; the summary counts what the tests say."""
    document = valid_ctrf(ctrf([make_score(specs=SPECS)]))
    results = document["results"]

    assert [one["status"] for one in results["tests"]] == [
        *("passed", "passed", "failed", "skipped", "skipped")
    ]
    assert results["tests"][2]["message"] == "It is wrong.\nLine 3."
    assert (results["summary"]["tests"], results["summary"]["failed"]) == (5, 1)
    assert results["summary"]["start"] < results["summary"]["stop"]


@pytest.mark.parametrize("status", ["ungradable", "timeout", "crashed", "grader_fault"])
def test_what_could_not_be_graded_is_an_error(make_score: MakeScore, status: Any) -> None:
    """A hand-in without a grade fails in both formats, with the reason, and its specs are skipped."""
    score = make_score(
        status=status,
        score=0,
        passed=False,
        message="It took too long.",
        specs=(spec("first", "not_run"),),
    )
    own, first = next(iter(junitparser.JUnitXml.fromstring(junit([score]).encode())))
    tests = valid_ctrf(ctrf([score]))["results"]["tests"]

    assert [(type(one).__name__, one.type, one.message) for one in own.result] == [
        ("Error", status, "It took too long.")
    ]
    assert [type(one).__name__ for one in first.result] == ["Skipped"]
    assert [(one["status"], one["rawStatus"]) for one in tests] == [
        ("failed", status),
        ("skipped", "not_run"),
    ]


def test_no_scores_are_a_valid_document() -> None:
    """Without scores both documents are valid and empty."""
    XSD.validate(junit([]))

    assert valid_ctrf(ctrf([]))["results"]["summary"]["tests"] == 0


TEXT = st.text() | st.text(alphabet='<>&"]\n\r\x00\x1b\ufffe\uffff\ud800a', max_size=20)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(team=TEXT, title=TEXT, message=TEXT, output=TEXT)
def test_whatever_a_stranger_writes_stays_text(
    make_score: MakeScore, team: str, title: str, message: str, output: str
) -> None:
    """Names, messages and prints make neither markup nor an invalid document."""
    one = SpecResult(
        name="test_a",
        title=title,
        points=1,
        earned=0,
        outcome="failed",
        message=message,
        seconds=0.0,
    )
    score: Score = make_score(team=team, specs=(one,), output=output, advice=message)
    (suite,) = junitparser.JUnitXml.fromstring(junit([score]).encode())

    XSD.validate(junit([score]))
    assert len(list(suite)) == 2
    assert valid_ctrf(ctrf([score]))["results"]["summary"]["tests"] == 2


def test_hostile_text_is_shown(make_score: MakeScore) -> None:
    """Control characters, ends of elements and halves of characters are visible, and are no markup."""
    text = junit([make_score(team=HOSTILE, output=HOSTILE, specs=())])

    XSD.validate(text)
    assert printed(text)[0].startswith('</testcase>]]>"&<\\x00\\x1b[2J')
    assert "\x1b" not in text
    assert "\u202e" not in text
