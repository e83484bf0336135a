"""What every test may use: the mini challenge, and a right hand-in for it."""

from pathlib import Path

import pytest

from grader.challenge import Challenge, load

TESTS = Path(__file__).parent

# Hidden specs and hand-ins are material of tests, not tests.
collect_ignore_glob = ["challenges/*_*/*", "submissions/*"]


@pytest.fixture(scope="session")
def mini() -> Challenge:
    """A challenge of two functions and a class, in tests/challenges/90_mini."""
    return load(TESTS / "challenges" / "90_mini")


@pytest.fixture(scope="session")
def submissions() -> Path:
    """The folder of golden hand-ins for the mini challenge."""
    return TESTS / "submissions"
