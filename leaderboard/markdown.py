"""Scores as Markdown, for a comment, a ticket or a page: a section for each.

Names, messages and prints come from strangers. Text of theirs stands in code, where no forge looks for
mentions, references, links or emoji. In a line each sign of punctuation is a character reference, so that
none can end the code, the cell or the line; several lines stand in a fence longer than any of theirs.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from leaderboard.cases import Case, cases
from leaderboard.score import Score
from leaderboard.table import metric_text
from leaderboard.text import clip, printable

MAX_LINES: Final = 12
LAST_LINES: Final = 4
MAX_WIDTH: Final = 300
MAX_PRINTS: Final = 40
MARKS: Final = {"passed": "✅", "failed": "❌", "error": "❌", "skipped": "➖"}


def markdown(scores: Iterable[Score]) -> str:
    """The sections, with a newline at their end."""
    return "\n".join("\n".join(_section(score)) + "\n" for score in scores)


def code(text: str, width: int = 120) -> str:
    """A stranger's text as code within a line."""
    safe = clip(printable(text), width)
    return f"<code>{re.sub('[^0-9A-Za-z ]', _reference, safe) or ' '}</code>"


def block(text: str, most: int = MAX_LINES) -> str:
    """A stranger's text as a block of code, of at most so many lines of bounded width."""
    lines = printable(text, multiline=True).split("\n")
    if len(lines) > most:
        # The lines of the hand-in that a message names stand at its end.
        lines = [*lines[: most - LAST_LINES], "…", *lines[-LAST_LINES:]]
    kept = [clip(line, MAX_WIDTH) for line in lines]
    longest = max((len(run) for line in kept for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}text", *kept, fence])


def _reference(match: re.Match[str]) -> str:
    # Letters of other scripts are no markup.
    return match[0] if match[0].isalnum() else f"&#{ord(match[0])};"


def _section(score: Score) -> Iterator[str]:
    own, *specs = cases(score)
    yield f"### {code(score.challenge.id, 40)} {code(score.challenge.title)}: {code(score.team, 60)}"
    yield ""
    yield f"{_verdict(score)} · {code(score.submission.name, 60)} · {_conditions(score)}"
    yield ""
    if own.message:
        yield from (block(own.message), "")
    yield from _table(score, specs)
    for case in specs:
        if case.message:
            yield from (f"{MARKS[case.result]} {code(case.name, 300)}", "", block(case.message), "")
    if score.advice:
        yield from (code(score.advice, 1000), "")
    if score.output:
        yield from ("What the hand-in printed:", "", block(score.output, MAX_PRINTS), "")


def _verdict(score: Score) -> str:
    if score.status != "graded":
        return f"**not graded: {score.status.replace('_', ' ')}**"
    passed = "passed" if score.passed else "not passed"
    return f"**{score.score}/{score.max_score}, {passed}**"


def _conditions(score: Score) -> str:
    measured = score.metric and f"{code(score.metric.name, 40)} {metric_text(score.metric)}"
    told = [measured, f"{score.walls} walls", code(score.device.type, 20), code(score.id, 80)]
    return " · ".join(one for one in told if one)


def _table(score: Score, specs: list[Case]) -> Iterator[str]:
    if not specs:
        return
    yield "| | points | spec |"
    yield "|---|--:|---|"
    for case, spec in zip(specs, score.specs, strict=True):
        points = f"{spec.earned}/{spec.points}" if spec.points else "remark"
        yield f"| {MARKS[case.result]} | {points} | {code(case.name, 300)} |"
    yield ""
