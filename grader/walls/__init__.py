"""Where a hand-in runs: one file per wall, one protocol, one list of what a wall must do."""

from __future__ import annotations

from grader.errors import WallRequiredError
from grader.walls.base import LEVELS, Job, Running, Usage, Wall
from grader.walls.bubblewrap import Bubblewrap
from grader.walls.process import PlainProcess
from grader.walls.sandlock import Sandlock
from leaderboard.score import Walls

__all__ = [
    "LEVELS",
    "WALLS",
    "Job",
    "PlainProcess",
    "Running",
    "Usage",
    "Wall",
    "choose",
    "shows_files",
]

# Strongest first.
WALLS: tuple[Wall, ...] = (Bubblewrap(), Sandlock(), PlainProcess())


def shows_files(wall: Wall) -> bool:
    """Whether a hand-in behind this wall can read files of the user who grades."""
    return isinstance(wall, PlainProcess) and not wall.abi


def choose(required: Walls | None = None) -> Wall:
    """Return the strongest wall that stands on this machine.

    Raises WallRequiredError if it is weaker than `required`, with the reason of each that is missing.
    """
    reasons = []
    for wall in WALLS:
        reason = wall.missing()
        if reason is None and (required is None or LEVELS[wall.level] >= LEVELS[required]):
            return wall
        reasons.append(f"{wall.name} ({wall.level}): {reason or 'weaker than required'}")
    raise WallRequiredError(
        f"No wall of level {required} stands on this machine. " + "; ".join(reasons)
    )
