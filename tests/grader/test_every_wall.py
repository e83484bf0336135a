"""Behind whichever wall it runs, a right hand-in is right and a stub is empty."""

from __future__ import annotations

import pytest

from grader.challenge import find
from grader.grading import Attempt, grade
from grader.walls import WALLS, Wall

pytestmark = [
    pytest.mark.walls,
    pytest.mark.parametrize("number", ["01", "02", "03", "04"]),
    pytest.mark.parametrize("wall", WALLS, ids=lambda wall: wall.level),
]


def test_a_solution_has_all_points_behind_every_wall(wall: Wall, number: str) -> None:
    """The worked solution scores 100, and the record says which wall it ran behind."""
    if wall.missing():
        pytest.skip(f"{wall.name}: {wall.missing()}")
    challenge = find(number)
    score = grade(str(challenge.solution), Attempt(challenge, "walls"), wall)

    assert (score.status, score.score, score.walls) == ("graded", 100, wall.level), score.message


def test_a_stub_has_no_points_behind_any_wall(wall: Wall, number: str) -> None:
    """The untouched stub scores 0."""
    if wall.missing():
        pytest.skip(f"{wall.name}: {wall.missing()}")
    challenge = find(number)
    score = grade(str(challenge.starter), Attempt(challenge, "walls"), wall)

    assert score.score == 0
