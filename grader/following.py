"""What goes on in a grading, as one line of text."""

from __future__ import annotations

import time
from collections.abc import Callable

from grader.supervising import Follower
from grader.verdict import Progress
from leaderboard.score import CurvePoint


class ProgressLine(Follower):
    """Hands `show` the line that says how far a grading is."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._since: tuple[int, float | None] = (0, None)
        self._began = time.monotonic()

    def progress(self, progress: Progress, point: CurvePoint | None, elapsed: float) -> None:
        """Show the spec that runs; while the hand-in trains, its step, its loss, the seconds left."""
        state = progress.number, progress.budget
        if state != self._since:
            self._since, self._began = state, time.monotonic()
        text = f"{progress.number}/{progress.total}  {progress.spec}"
        if progress.budget is not None:
            left = max(0.0, progress.budget - (time.monotonic() - self._began))
            text = f"training: {left:.0f} s left"
            if point is not None and point.loss is not None:
                text += f"  step {point.step}  loss {point.loss:.3f}"
        self._show(f"{text}  ({elapsed:.0f} s)")
