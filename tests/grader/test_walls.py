"""Every wall of this machine, against the one list of what a wall must do."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
from wall_conformance import (
    CHECKS,
    Check,
    cannot_read_the_kit,
    cannot_signal_other_processes,
    cannot_truncate_files,
    gaps,
    imports_torch,
    plain_gaps,
    writes_to_its_scratch_folder,
)

from grader import walls
from grader.challenge import Limits
from grader.errors import WallRequiredError
from grader.walls import LEVELS, WALLS, Job, PlainProcess, Running, Wall, choose
from grader.walls.base import Pipe, describe_exit, environment
from leaderboard.score import Walls

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc, and at namespaces")
KERNELS_ABI = PlainProcess().abi
# The plain process of this machine, and that of one whose kernel has no Landlock: here these may be one.
EVERY_WALL = {wall.level: wall for wall in WALLS} | {"weak, no Landlock": PlainProcess(abi=0)}
BY_ABI = (
    imports_torch,
    writes_to_its_scratch_folder,
    cannot_read_the_kit,
    cannot_truncate_files,
    cannot_signal_other_processes,
)


@linux
@pytest.mark.walls
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("name", EVERY_WALL)
def test_wall_holds(
    name: str, check: Check, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A wall does what every wall must; what it cannot is declared, and then really is so."""
    wall = EVERY_WALL[name]
    missing = wall.missing()
    if missing:
        pytest.skip(f"{wall.name}: {missing}")
    _holds(wall, check, tmp_path, request)


@linux
@pytest.mark.walls
@pytest.mark.parametrize("check", BY_ABI, ids=lambda check: check.__name__)
@pytest.mark.parametrize("abi", range(1, KERNELS_ABI))
def test_an_older_landlock_does_what_it_can(
    abi: int, check: Check, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """A plain process works with what an older kernel's Landlock can deny, and its gaps are declared."""
    _holds(PlainProcess(abi), check, tmp_path, request)


def _holds(wall: Wall, check: Check, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    gap = gaps(wall).get(check)
    if gap:
        request.applymarker(pytest.mark.xfail(reason=gap, raises=AssertionError, strict=True))

    check(wall, tmp_path)


def test_walls_stand_in_order() -> None:
    """The strongest wall is tried first, and there is one that stands everywhere."""
    strengths = [LEVELS[wall.level] for wall in WALLS]

    assert strengths == sorted(strengths, reverse=True)
    assert WALLS[-1].missing() is None


def test_every_gap_has_a_reason() -> None:
    """Gaps are declared for checks of the list, each with a reason, and for the plain process alone."""
    declared = [item for abi in range(KERNELS_ABI + 1) for item in plain_gaps(abi).items()]

    assert all(check in CHECKS and reason for check, reason in declared)
    assert [gaps(wall) for wall in WALLS] == [{}, {}, plain_gaps(KERNELS_ABI)]


def test_a_newer_landlock_closes_more() -> None:
    """The gaps of a plain process grow fewer with the version of Landlock."""
    counts = [len(plain_gaps(abi)) for abi in range(8)]

    assert counts == sorted(counts, reverse=True)
    assert counts[0] > counts[1] > counts[7]


class Fake:
    """A wall that is said to stand or not."""

    def __init__(self, level: Walls, reason: str | None) -> None:
        self.name = f"fake {level}"
        self.level: Walls = level
        self._reason = reason

    def missing(self) -> str | None:
        """Return what was said."""
        return self._reason

    def start(self, job: Job, stdin: Pipe, stdout: Pipe, stderr: Pipe) -> Running:
        """Never called."""
        raise NotImplementedError


@pytest.mark.parametrize(
    ("standing", "required", "chosen"),
    [
        (("strong", "weak"), None, "strong"),
        (("weak",), None, "weak"),
        (("medium", "weak"), "medium", "medium"),
        (("strong", "weak"), "medium", "strong"),
        (("strong", "weak"), "weak", "strong"),
    ],
)
def test_the_strongest_wall_is_chosen(
    standing: tuple[Walls, ...],
    required: Walls | None,
    chosen: Walls,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first wall that stands is taken, if it is as strong as required."""
    levels: tuple[Walls, ...] = ("strong", "medium", "weak")
    fakes = tuple(Fake(level, None if level in standing else "not here") for level in levels)
    monkeypatch.setattr(walls, "WALLS", fakes)

    assert choose(required).level == chosen


def test_a_wall_that_is_too_weak_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no wall is strong enough, the refusal says why for each."""
    fakes = (Fake("strong", "no user namespaces"), Fake("weak", None))
    monkeypatch.setattr(walls, "WALLS", fakes)

    with pytest.raises(WallRequiredError) as caught:
        choose("medium")

    assert "no user namespaces" in str(caught.value)
    assert "fake weak (weak): weaker than required" in str(caught.value)


def test_environment_says_nothing_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of a worker is a function of its limits and its home folder alone."""
    before = environment(Limits(), "/tmp")
    for name in before:
        monkeypatch.setenv(name, "changed")
    monkeypatch.setenv("SECRET", "token")

    assert environment(Limits(), "/tmp") == before


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (0, "exit code 0"),
        (3, "exit code 3"),
        (-signal.SIGSEGV, "signal SIGSEGV"),
        (128 + signal.SIGKILL, "signal SIGKILL"),
        (255, "exit code 255"),
    ],
)
def test_exit_codes_are_put_into_words(code: int, words: str) -> None:
    """A signal is called by its name, in Python's form and in a shell's."""
    assert describe_exit(code) == words
