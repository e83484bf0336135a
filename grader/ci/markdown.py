"""The summary of a pull request in Markdown, for a comment and for a page of CI.

Names, messages and prints come from strangers. Text of theirs stands in code, where no forge looks for
mentions, references, links or emoji. In a line each sign of punctuation is a character reference, so that
none can end the code, the cell or the line; several lines stand in a fence longer than any of theirs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from grader.ci.grading import Graded
from grader.ci.layout import decoded, muted
from grader.ci.report import Report, points
from leaderboard.score import SpecResult
from leaderboard.table import metric_text
from leaderboard.text import clip, printable

MARKER: Final = "<!-- grader ci -->"
# A comment on GitHub has 65,536 characters at most.
MAX_LENGTH: Final = 60_000
MAX_LINES: Final = 12
LAST_LINES: Final = 4
MAX_WIDTH: Final = 300
MAX_SPECS: Final = 12
MARKS: Final = {True: "✅", False: "❌"}


def summary(report: Report) -> str:
    """Return the summary, a newline at its end, cut between hand-ins where it would be too long."""
    head = [MARKER, f"## {report.verdict}", "", *_refusals(report), *_table(report)]
    text = "\n".join(head) + "\n"
    closing = "\n".join(_closing(report)) + "\n"
    room = MAX_LENGTH - len(closing) - 100
    if len(text) > room:
        return clip(text, room).rpartition("\n")[0] + "\n\n…\n" + closing
    for number, one in enumerate(report.graded):
        part = "\n".join(_details(one))
        if len(text) + len(part) > room:
            text += f"\n… and {len(report.graded) - number} more, in the full report.\n"
            break
        text += part
    return text + closing


def code(text: str, width: int = 120) -> str:
    """Return a stranger's text as code within a line."""
    safe = clip(printable(text), width)
    return f"<code>{re.sub('[^0-9A-Za-z ]', _reference, safe) or ' '}</code>"


def block(text: str) -> str:
    """Return a stranger's text as a block of code, of bounded size."""
    # The summary may be printed into a log.
    lines = muted(printable(text, multiline=True)).split("\n")
    if len(lines) > MAX_LINES:
        # The lines of the hand-in that a message names stand at its end.
        lines = [*lines[: MAX_LINES - LAST_LINES], "…", *lines[-LAST_LINES:]]
    kept = [clip(line, MAX_WIDTH) for line in lines]
    longest = max((len(run) for line in kept for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join([f"{fence}text", *kept, fence])


def _reference(match: re.Match[str]) -> str:
    # Letters of other scripts are no markup.
    return match[0] if match[0].isalnum() else f"&#{ord(match[0])};"


def _refusals(report: Report) -> Iterator[str]:
    for sentence in report.findings.refusals:
        yield f"- {code(sentence, 1500)}"
    if report.findings.refusals:
        yield ""
        yield "Put hand-ins into a pull request of their own."
        yield ""


def _table(report: Report) -> Iterator[str]:
    if not report.graded and not report.rejected:
        return
    yield "| | hand-in | team | points | |"
    yield "|---|---|---|---|---|"
    for one in report.graded:
        cells = [MARKS[one.met], code(decoded(one.found.path)), code(one.found.team, 60)]
        yield f"| {' | '.join([*cells, points(one), _remark(one)])} |"
    for other in report.rejected:
        yield f"| {MARKS[False]} | {code(decoded(other.path))} | | not graded | {code(other.reason, 300)} |"


def _remark(one: Graded) -> str:
    score = one.score
    measured = f"{score.metric.name} {metric_text(score.metric)}" if score.metric else ""
    return code(measured, 60) if measured else ""


def _details(one: Graded) -> Iterator[str]:
    """What is wrong with a hand-in, in the words of its specs."""
    score = one.score
    failed = [spec for spec in score.specs if spec.outcome == "failed"]
    if not (failed or score.message):
        return
    yield ""
    yield f"### {code(decoded(one.found.path))}"
    yield ""
    if score.message:
        yield block(score.message)
    for spec in failed[:MAX_SPECS]:
        yield from _spec(spec)
    if len(failed) > MAX_SPECS:
        yield f"… and {len(failed) - MAX_SPECS} more."
    if score.advice:
        yield ""
        yield code(score.advice, 1000)
    yield ""


def _spec(spec: SpecResult) -> Iterator[str]:
    worth = f"{spec.points} points" if spec.points else "a remark"
    yield f"- {code(spec.title, 300)} ({worth})"
    yield ""
    if spec.message:
        yield block(spec.message)
        yield ""


def _closing(report: Report) -> Iterator[str]:
    findings = report.findings
    yield ""
    if findings.removed:
        yield f"{len(findings.removed)} hand-ins were removed; their scores stay."
    if findings.others:
        yield f"{findings.others} other files were not looked at."
    walls = sorted({one.score.walls for one in report.graded if one.score.walls != "none"})
    behind = f", behind {' and '.join(walls)} walls" if walls else ""
    yield f"Commit {code(findings.head)} was graded against {code(findings.base)}{behind}."
