"""What came of a pull request, as data: for files, for people, and for the exit code."""

from __future__ import annotations

from typing import Any

import msgspec

from grader import errors
from grader.ci.finding import Findings, Rejected
from grader.ci.grading import Graded
from grader.ci.layout import shown
from grader.ci.policy import Policy
from leaderboard.formats import json_text
from leaderboard.score import Score


class Report(msgspec.Struct, frozen=True):
    """What was found and graded, and what was asked for."""

    findings: Findings
    graded: tuple[Graded, ...]
    rejected: tuple[Rejected, ...]
    policy: Policy

    @property
    def scores(self) -> list[Score]:
        """The records, but for those that we failed to make."""
        return [one.score for one in self.graded if one.score.status != "grader_fault"]

    @property
    def exit_code(self) -> int:
        """4 our fault, 3 refused or not gradable, 1 below what is required, 0 else."""
        statuses = {one.score.status for one in self.graded}
        if "grader_fault" in statuses or any(map(lost, self.graded)):
            return errors.EXIT_FAULT
        if self.findings.refusals or self.rejected or statuses - {"graded"}:
            return errors.EXIT_UNGRADABLE
        met = all(one.met for one in self.graded)
        return errors.EXIT_PASSED if met else errors.EXIT_NOT_PASSED

    @property
    def verdict(self) -> str:
        """The whole in a sentence."""
        if self.findings.refusals:
            return "Refused: nothing of this pull request was graded."
        if not self.graded and not self.rejected:
            return "No hand-in was changed."
        number = len(self.graded) + len(self.rejected)
        met = sum(one.met for one in self.graded)
        what = "hand-in reaches" if number == 1 else "hand-ins reach"
        return f"{met} of {number} {what} what is required ({self.policy})."


def as_json(report: Report) -> str:
    """Return everything but the specs of the scores as one JSON document."""
    findings = report.findings
    document: dict[str, Any] = {
        "base": findings.base,
        "head": findings.head,
        "require": str(report.policy),
        "verdict": report.verdict,
        "exit_code": report.exit_code,
        "refusals": list(findings.refusals),
        "hand_ins": [_hand_in(one) for one in report.graded],
        "rejected": [{"path": shown(one.path), "reason": one.reason} for one in report.rejected],
        "removed": [shown(path) for path in findings.removed],
        "others": findings.others,
    }
    return json_text(document)


def _hand_in(one: Graded) -> dict[str, Any]:
    score = one.score
    return {
        "path": shown(one.found.path),
        "team": one.found.team,
        "challenge": one.found.challenge.id,
        "blob": one.found.blob,
        "score_id": score.id,
        "status": score.status,
        "score": score.score,
        "max_score": score.max_score,
        "passed": score.passed,
        "before": None if one.baseline is None or lost(one) else one.baseline.score,
        "before_status": None if one.baseline is None else one.baseline.status,
        "met": one.met,
    }


def as_text(report: Report) -> str:
    """Return a line for each hand-in and the verdict, for a log."""
    lines = [f"refused: {sentence}" for sentence in report.findings.refusals]
    lines += [_line(one) for one in report.graded]
    lines += [f"not graded: {shown(one.path)}: {one.reason}" for one in report.rejected]
    lines += [f"removed: {shown(path)}" for path in report.findings.removed]
    if report.findings.others:
        lines.append(f"{report.findings.others} other files were not looked at.")
    return "\n".join([*lines, report.verdict])


def _line(one: Graded) -> str:
    mark = "met" if one.met else "not met"
    return f"{mark}: {points(one)} {shown(one.found.path)} by {shown(one.found.team)}"


def lost(one: Graded) -> bool:
    """Whether we failed to grade what it is to be compared with."""
    return one.baseline is not None and one.baseline.status == "grader_fault"


def points(one: Graded) -> str:
    """Return the points, or the status, and what they were before."""
    score = one.score
    before = f", was {one.baseline.score}" if one.baseline is not None else ""
    before = ", what it replaces: grader fault" if lost(one) else before
    if score.status != "graded":
        return score.status.replace("_", " ") + before
    return f"{score.score}/{score.max_score}{before}"
