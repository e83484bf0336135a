"""What failed as annotations on lines: commands that GitHub's runner reads from the log.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions: in the text `%`, CR and LF
are escaped, in properties `:` and `,` as well. The runner takes them from either stream.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from grader.ci.grading import Graded
from grader.ci.layout import decoded, muted, shown
from grader.ci.report import Report
from leaderboard.text import clip, printable

# GitHub shows ten of a step.
MAX_EACH: Final = 10
MAX_ALL: Final = 50
MAX_TEXT: Final = 1000


def commands(report: Report) -> list[str]:
    """Return the commands, a line each."""
    return list(_all(report))[:MAX_ALL]


def _all(report: Report) -> Iterator[str]:
    for sentence in report.findings.refusals:
        yield error({"title": "grader ci"}, sentence)
    for one in report.graded:
        if not one.met:
            yield from list(_of(one))[:MAX_EACH]
    for other in report.rejected:
        title = f"{shown(other.path)} is not graded"
        yield error({**_file(other.path), "title": title}, other.reason)


def _of(one: Graded) -> Iterator[str]:
    score, name = one.score, one.found.challenge.file_name
    failed = [spec for spec in score.specs if spec.outcome == "failed" and spec.points]
    told = [(spec.title, spec.message) for spec in failed] if score.status == "graded" else []
    for title, message in told or [(score.status.replace("_", " "), score.message)]:
        line = _line(message, name, one.lines)
        yield error({**_file(one.found.path), "line": str(line), "title": title}, message)


def _line(message: str, name: str, lines: int) -> int:
    """Return the line of the hand-in that a message names last, as the traceback does; else the first."""
    found = re.findall(rf"^ +{re.escape(name)}, line (\d{{1,9}})", message, re.MULTILINE)
    found = found or re.findall(r"^The hand-in is not valid Python in line (\d{1,9})", message)
    line = int(found[-1]) if found else 1
    return line if 1 <= line <= lines else 1


def _file(path: bytes) -> dict[str, str]:
    """The file as the runner is to find it; none where its name is one that we would have to change."""
    name = decoded(path)
    return {"file": name} if printable(name) == name == shown(path) else {}


def error(properties: dict[str, str], text: str) -> str:
    """Return one annotation."""
    told = ",".join(f"{name}={_property(value)}" for name, value in properties.items())
    safe = muted(clip(printable(text, multiline=True), MAX_TEXT))
    return f"::error {told}::{_data(safe)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(muted(clip(printable(text), MAX_TEXT))).replace(":", "%3A").replace(",", "%2C")
