"""Scores as CTRF, the Common Test Report Format (https://ctrf.io), version 0.0 of its schema.

A test for each spec and one for each hand-in itself, in a suite of challenge and team. Times are
milliseconds. The same scores give the same document.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from leaderboard.cases import Case, cases, safe, suite_name
from leaderboard.formats import json_text
from leaderboard.score import Score, rfc3339

SPEC_VERSION = "0.0.0"
TOOL = "pytorch-challenge-kit"
STATUSES = ("passed", "failed", "skipped", "pending", "other")


def ctrf(scores: Iterable[Score]) -> str:
    """The document as JSON, with a newline at its end."""
    kept = list(scores)
    tests = [test for score in kept for test in _tests(score)]
    counted = Counter(test["status"] for test in tests)
    stops = [_milliseconds(score.graded_at) for score in kept]
    starts = [stop - _ms(score.usage.wall_s) for stop, score in zip(stops, kept, strict=True)]
    document = {
        "reportFormat": "CTRF",
        "specVersion": SPEC_VERSION,
        "generatedBy": TOOL,
        "results": {
            "tool": _tool(kept),
            "summary": {
                "tests": len(tests),
                **{status: counted[status] for status in STATUSES},
                "suites": len(kept),
                "start": min(starts, default=0),
                "stop": max(stops, default=0),
            },
            "tests": tests,
            "extra": {"scores": [_points(score) for score in kept]},
        },
    }
    return json_text(document) + "\n"


def _tool(scores: list[Score]) -> dict[str, str]:
    versions = {safe(score.environment.grader, lines=False) for score in scores}
    version = {"version": versions.pop()} if len(versions) == 1 else {}
    return {"name": TOOL, **version}


def _tests(score: Score) -> list[dict[str, Any]]:
    suite = [safe(score.challenge.title, lines=False), suite_name(score)]
    return [_test(case, suite, score) for case in cases(score)]


def _test(case: Case, suite: list[str], score: Score) -> dict[str, Any]:
    test = {
        # A record may have a spec without a title; a test without a name is none.
        "name": case.name or "-",
        "status": "failed" if case.result == "error" else case.result,
        "rawStatus": case.raw,
        "duration": _ms(case.seconds),
        "suite": suite,
        "filePath": safe(score.submission.name, lines=False),
    }
    return test | ({"message": case.message} if case.message else {})


def _points(score: Score) -> dict[str, Any]:
    return {
        "id": safe(score.id, lines=False),
        "team": safe(score.team, lines=False),
        "challenge": safe(score.challenge.id, lines=False),
        "status": score.status,
        "score": score.score,
        "max_score": score.max_score,
        "passed": score.passed,
        "submitted_at": rfc3339(score.submitted_at),
    }


def _milliseconds(moment: datetime) -> int:
    return _ms(moment.timestamp())


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
