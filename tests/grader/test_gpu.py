"""Gradings on a CUDA device, behind each wall of this machine."""

from __future__ import annotations

import pytest

from grader import devices
from grader.challenge import find
from grader.errors import UsageError
from grader.grading import Attempt, grade
from grader.walls import WALLS, Wall


def cuda() -> str | None:
    """The first CUDA device, or None."""
    try:
        return devices.resolve("cuda")
    except UsageError:
        return None


pytestmark = [
    pytest.mark.gpu,
    pytest.mark.walls,
    pytest.mark.skipif(cuda() is None, reason="no CUDA device on this machine"),
]


@pytest.mark.parametrize("number", ["01", "02", "03", "04", "05"])
@pytest.mark.parametrize("wall", WALLS, ids=lambda wall: wall.level)
def test_a_solution_passes_on_cuda(wall: Wall, number: str) -> None:
    """Every worked solution scores 100 on a CUDA device behind every wall."""
    if wall.missing():
        pytest.skip(f"{wall.name}: {wall.missing()}")
    challenge = find(number)
    score = grade(str(challenge.solution), Attempt(challenge, "gpu", str(cuda())), wall)

    assert (score.status, score.score) == ("graded", 100), score.message
    assert score.device.type == "cuda"


@pytest.mark.parametrize("number", ["01", "02", "03", "04", "05"])
def test_a_stub_earns_nothing_on_cuda(number: str) -> None:
    """The untouched stub scores 0 on a CUDA device as well."""
    challenge = find(number)
    score = grade(str(challenge.starter), Attempt(challenge, "gpu", str(cuda())))

    assert score.score == 0
