"""Scores as JUnit XML, as Jenkins' xUnit plugin reads it (its schema junit-10.xsd).

A suite for each score, a case for each spec. A spec that failed is a failure; a hand-in that could not be
graded is an error, and its specs are skipped. Points, and what else has no place there, are properties.
"""

from collections.abc import Iterable, Iterator
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from leaderboard.cases import Case, cases, safe, suite_name
from leaderboard.score import Score, rfc3339
from leaderboard.store import challenge_folder

NAME = "PyTorch challenge kit"


def junit(scores: Iterable[Score]) -> str:
    """The document, with a newline at its end."""
    root = Element("testsuites", name=NAME)
    suites = [_suite(score) for score in scores]
    for name in ("tests", "failures", "errors"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in suites)))
    root.extend(suites)
    indent(root)
    body = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{body}\n'


def _suite(score: Score) -> Element:
    found = cases(score)

    def count(result: str) -> str:
        return str(sum(case.result == result for case in found))

    suite = Element(
        "testsuite",
        name=suite_name(score),
        id=safe(score.id, lines=False),
        tests=str(len(found)),
        failures=count("failed"),
        errors=count("error"),
        skipped=count("skipped"),
        time=_seconds(score.usage.wall_s),
        timestamp=rfc3339(score.graded_at),
    )
    properties = SubElement(suite, "properties")
    for name, value in _properties(score):
        SubElement(properties, "property", name=name, value=safe(str(value), lines=False))
    classname = safe(f"{challenge_folder(score)}.{score.team}", lines=False)
    suite.extend(_case(case, classname) for case in found)
    if score.output:
        SubElement(suite, "system-out").text = safe(score.output)
    return suite


def _properties(score: Score) -> Iterator[tuple[str, object]]:
    yield from (("team", score.team), ("status", score.status), ("file", score.submission.name))
    yield from (("score", score.score), ("max_score", score.max_score), ("passed", score.passed))
    if score.metric is not None and score.metric.value is not None:
        yield score.metric.name, round(score.metric.value, score.metric.precision)
    if score.advice:
        yield "advice", score.advice
    yield from (("device", score.device.type), ("walls", score.walls))
    yield from (("submitted_at", rfc3339(score.submitted_at)), ("sha256", score.submission.sha256))


def _case(case: Case, classname: str) -> Element:
    element = Element("testcase", name=case.name, classname=classname, time=_seconds(case.seconds))
    tags = {"failed": "failure", "error": "error", "skipped": "skipped"}
    if case.result in tags:
        first = case.message.partition("\n")[0]
        told = SubElement(element, tags[case.result], type=case.raw, message=first)
        told.text = case.message
    return element


def _seconds(seconds: float) -> str:
    return f"{seconds:.3f}"
