"""When a pull request may be merged: `passed`, `no-worse`, `score>=80`."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from grader.errors import UsageError
from leaderboard.score import Score

Kind = Literal["passed", "no-worse", "score"]


class Policy(msgspec.Struct, frozen=True):
    """What every hand-in of a pull request must reach."""

    kind: Kind
    points: int = 0

    @property
    def compares(self) -> bool:
        """Whether what the base holds is graded too."""
        return self.kind == "no-worse"

    def __str__(self) -> str:
        return f"score>={self.points}" if self.kind == "score" else self.kind

    def met(self, score: Score, baseline: Score | None) -> bool:
        """Whether a score reaches it. `baseline`: that of the base's version, None without one."""
        if score.status != "graded":
            return False
        if self.kind == "passed":
            return score.passed
        if self.kind == "score":
            # Points of a hundred, also where an event keeps some of them back.
            return score.score * 100 >= self.points * score.max_score
        if baseline is None:
            return True
        # What we failed to grade is no bar that anybody has reached.
        return baseline.status != "grader_fault" and score.score >= baseline.score


def parse(text: str) -> Policy:
    """Return the policy of the command line; raises UsageError."""
    if text == "passed":
        return Policy("passed")
    if text == "no-worse":
        return Policy("no-worse")
    found = re.fullmatch(r"score\s*>=\s*(\d{1,3})", text)
    if found is None or int(found[1]) > 100:
        raise UsageError(
            f"--require takes passed, no-worse or score>=N with N up to 100, not {text!r}."
        )
    return Policy("score", int(found[1]))
