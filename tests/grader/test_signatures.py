"""Scores are signed where there is a key: by grade and by batch, each record for itself."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from grader import keyring
from grader.challenge import Challenge
from grader.cli import main
from grader.grading import Attempt, grade
from leaderboard.score import decode, encode
from leaderboard.signing import new_key, state
from leaderboard.store import Store

TEXT, KEY = new_key()


@pytest.fixture(autouse=True)
def nothing_held() -> Iterator[None]:
    """No key is left for the next test."""
    yield
    keyring.forget()


@pytest.fixture
def hand_in(mini: Challenge, tmp_path: Path) -> Path:
    """A file that cannot be graded: a record without the seconds of a grading."""
    path = tmp_path / "mine.py"
    path.write_text("")
    return path


def run(*arguments: object, **variables: str) -> tuple[int, str, str]:
    """Run a command in this process; returns exit code, standard output, standard error."""
    words = [str(one) for one in arguments]
    result = CliRunner(env=variables).invoke(main, words, prog_name="grader")
    keyring.forget()
    return result.exit_code, result.stdout, result.stderr


def test_grade_signs_what_it_prints_and_keeps(
    mini: Challenge, hand_in: Path, tmp_path: Path
) -> None:
    """Record and file have the same signature, which the public key knows; no key, no signature."""
    (tmp_path / "key").write_text(TEXT)
    words = ["grade", mini.folder, hand_in, "--json", "--store", tmp_path / "store"]

    with_file = run(*words, "--signing-key", tmp_path / "key")
    with_variable = run(*words, GRADER_SIGNING_KEY=TEXT)
    without = run(*words)

    states = [
        state(decode(out.encode()), [KEY]) for _, out, _ in (with_file, with_variable, without)
    ]
    assert states == ["signed", "signed", "unsigned"]
    assert encode(Store(tmp_path / "store").read()[0][0]).decode() == with_file[1]


def test_a_bad_key_is_said_before_anything_is_graded(
    mini: Challenge, hand_in: Path, tmp_path: Path
) -> None:
    """Not after half an hour of training: exit code 2, nothing graded, and the key is not repeated."""
    code, out, err = run(
        *("grade", mini.folder, hand_in, "--store", tmp_path / "store"),
        GRADER_SIGNING_KEY="hunter2",
    )

    assert (code, out) == (2, "")
    assert "signing key is none" in err
    assert "hunter2" not in err
    assert not (tmp_path / "store").exists()
    (tmp_path / "key").write_text("hunter2")
    code, _, err = run("grade", mini.folder, hand_in, "--signing-key", tmp_path / "key")
    assert (code, "hunter2" in err) == (2, False)


@pytest.mark.walls
def test_batch_signs_each_record_of_equal_hand_ins(mini: Challenge, tmp_path: Path) -> None:
    """Two teams with the same bytes: graded once, each record signed under its own team."""
    for team in ("red", "blue"):
        (tmp_path / "hand-ins" / team).mkdir(parents=True)
        (tmp_path / "hand-ins" / team / "90.py").write_bytes(mini.solution.read_bytes())
    store = Store(tmp_path / "store")
    words = ["batch", tmp_path / "hand-ins", "--challenge", mini.folder, "--store", store.path]

    code, _, err = run(*words, GRADER_SIGNING_KEY=TEXT)

    scores, _ = store.read()
    assert code == 0, err
    assert {score.team: state(score, [KEY]) for score in scores} == {
        "red": "signed",
        "blue": "signed",
    }


@pytest.mark.walls
def test_resume_builds_on_no_record_that_was_written_by_hand(
    mini: Challenge, submissions: Path, tmp_path: Path
) -> None:
    """A forged score of the same bytes is neither taken for done nor lent: it would get a signature."""
    source = next((submissions / "returns_nan").glob("*.py"))
    (tmp_path / "hand-ins" / "red").mkdir(parents=True)
    (tmp_path / "hand-ins" / "red" / "90.py").write_bytes(source.read_bytes())
    honest = grade(str(source), Attempt(mini, "red"))
    assert honest.score < 100
    specs = tuple(
        msgspec.structs.replace(spec, earned=spec.points, outcome="passed") for spec in honest.specs
    )
    forged = msgspec.structs.replace(honest, score=100, passed=True, specs=specs)
    store = Store(tmp_path / "store")
    store.add(forged)
    store.add(msgspec.structs.replace(forged, team="blue"))
    words = ["batch", tmp_path / "hand-ins", "--challenge", mini.folder, "--store", store.path]

    run(*words, "--resume", GRADER_SIGNING_KEY=TEXT)

    signed = [score for score in store.read()[0] if state(score, [KEY]) == "signed"]
    assert [(score.team, score.score) for score in signed] == [("red", honest.score)]


def test_keys_leave_the_environment(mini: Challenge, hand_in: Path, tmp_path: Path) -> None:
    """After a grading no variable holds the key."""
    os.environ[keyring.SIGNING_KEY] = TEXT

    score = grade(str(hand_in), Attempt(mini, "red"))

    assert state(score, [KEY]) == "signed"
    assert keyring.SIGNING_KEY not in os.environ
