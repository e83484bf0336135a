"""The fixture `both`: one question to the hand-in and to the reference, at the same time."""

import shutil

import pytest

from grader.challenge import Challenge, load
from grader.grading import Attempt, grade_submission
from grader.submission import Submission
from leaderboard.score import Score

pytestmark = pytest.mark.walls

SPECS = '''
"""A spec whose question waits until it was put to both sides."""

import threading

import pytest
import torch

MET = threading.Barrier(2)


def ask(side, x, factor=1.0):
    """Neither side is asked before the other one's turn has come as well."""
    MET.wait(30)
    return side.double(x * factor)


@pytest.mark.points(60)
def test_asked_at_the_same_time(both, rng, expect):
    """Both sides are asked at once, with the same arguments."""
    expect(*both(ask, torch.randn(3, generator=rng, dtype=torch.float64), factor=2.0))


@pytest.mark.points(40)
def test_goes_on_after_a_failure(both, submission, rng, expect):
    """What failed before is over: both sides answer again."""
    expect(*both(ask, torch.randn(3, generator=rng, dtype=torch.float64)))
'''
DOUBLE = "def double(x):\n    {}\n\n\ndef row_means(x):\n    ...\n\n\nclass Affine:\n    ...\n"


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory, mini: Challenge) -> Challenge:
    """The mini challenge with two specs that ask both sides."""
    folder = tmp_path_factory.mktemp("asking") / mini.key
    shutil.copytree(mini.folder, folder)
    (folder / "specs" / "test_mini.py").write_text(SPECS)
    return load(folder)


def graded(challenge: Challenge, body: str) -> Score:
    hand_in = Submission.of("my.py", {"my.py": DOUBLE.format(body).encode()})
    return grade_submission(hand_in, Attempt(challenge, "ada", seed="1"))


def test_both_sides_are_asked_at_once(asking: Challenge) -> None:
    """The right answer earns all points, though neither side is asked alone."""
    score = graded(asking, "return 2 * x")

    assert (score.status, score.score) == ("graded", 100), score.specs


def test_a_wrong_answer_is_compared(asking: Challenge) -> None:
    """What the hand-in says comes first, and what is expected second."""
    score = graded(asking, "return (2 * x)[:2]")

    assert (score.status, score.score) == ("graded", 0)
    assert all("has shape (2,), expected shape (3,)" in spec.message for spec in score.specs)


def test_what_the_hand_in_raises_is_its_own(asking: Challenge) -> None:
    """Its exception reaches the learner, and the next spec asks again."""
    score = graded(asking, "raise KeyError('mine')")

    assert (score.status, score.score) == ("graded", 0)
    assert all("Your code raised KeyError" in spec.message for spec in score.specs)


def test_a_hand_in_that_ends_ends_the_grading(asking: Challenge) -> None:
    """Nothing waits for an answer that cannot come."""
    score = graded(asking, "import os; os._exit(0)")

    assert score.status == "crashed"
