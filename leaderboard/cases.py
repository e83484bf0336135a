"""A score as test cases, for programs that show the results of tests: one for each spec, and one for the
hand-in itself.

A spec without points is a remark. What it has to say is told, and it never fails a hand-in.
"""

import re
from typing import Literal

from msgspec import Struct

from leaderboard.score import Score, SpecResult
from leaderboard.text import printable

Result = Literal["passed", "failed", "error", "skipped"]

GRADABLE = "The hand-in can be graded."
# The two that a document of XML may not hold, of those that are no control characters.
_NO_CHARACTERS = re.compile("[\ufffe\uffff]")


class Case(Struct, frozen=True):
    """A test case in words that are safe to show. `error`: the hand-in could not be graded to its end."""

    name: str
    result: Result
    raw: str
    """The outcome of the spec, or the status of the score."""
    message: str
    seconds: float


def cases(score: Score) -> list[Case]:
    """The cases of a score; the hand-in's own comes first."""
    own = Case(
        name=GRADABLE,
        result="passed" if score.status == "graded" else "error",
        raw=score.status,
        message=safe(score.message),
        seconds=0.0,
    )
    return [own, *map(_case, score.specs)]


def suite_name(score: Score) -> str:
    """What a score is called among others."""
    return safe(f"{score.challenge.id} {score.challenge.title}, {score.team}", lines=False)


def safe(text: str, *, lines: bool = True) -> str:
    """A stranger's text without characters that trick a reader or that XML forbids."""
    return _NO_CHARACTERS.sub("\ufffd", printable(text, multiline=lines))


def _case(spec: SpecResult) -> Case:
    result: Result = "skipped"
    message = safe(spec.message)
    if spec.outcome == "passed":
        result = "passed"
    elif spec.outcome == "failed" and spec.points:
        result = "failed"
    elif spec.outcome == "failed":
        message = f"A remark, worth no points: {message}"
    elif spec.outcome == "not_run":
        message = message or "It was not run."
    return Case(safe(spec.title, lines=False), result, spec.outcome, message, spec.seconds)
