"""The summary of a pull request in Markdown, for a comment and for a page of CI.

Names, messages and prints come from strangers: they stand in code, as leaderboard.markdown makes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from grader.ci.grading import Graded
from grader.ci.layout import decoded, muted
from grader.ci.report import Report, lost, points
from leaderboard.markdown import block as fenced
from leaderboard.markdown import code
from leaderboard.score import SpecResult
from leaderboard.table import metric_text
from leaderboard.text import clip, printable

MARKER: Final = "<!-- grader ci -->"
# A comment on GitHub has 65,536 characters at most.
MAX_LENGTH: Final = 60_000
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


def block(text: str) -> str:
    """Return a stranger's text as a block of code; the summary may be printed into a log."""
    return fenced(muted(printable(text, multiline=True)))


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
    fault = one.baseline.message if one.baseline and lost(one) else ""
    if not (failed or score.message or fault):
        return
    yield ""
    yield f"### {code(decoded(one.found.path))}"
    yield ""
    if score.message:
        yield block(score.message)
    if fault:
        yield f"What it replaces could not be graded, by our fault:\n\n{block(fault)}"
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
    done = "graded against" if report.graded else "compared with"
    yield f"Commit {code(findings.head)} was {done} {code(findings.base)}{behind}."
