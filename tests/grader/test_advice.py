"""Advice is given where a hand-in fails as a known wrong solution does, and nowhere else."""

from __future__ import annotations

import msgspec
import pytest

from grader import advice
from grader.challenge import Challenge, KnownMistake
from leaderboard.score import Outcome, SpecResult

DIAGONAL = KnownMistake(
    "diagonal", "Do not hide the diagonal.", {"test_double": "is wrong at 0", "test_affine": "NaN"}
)
SHIFT = KnownMistake(
    "shift", "Shift by one.", {"test_double": "is shifted", "test_affine": "is shifted"}
)
SIGN = KnownMistake("sign", "Mind the sign.", {"test_double": "has the wrong sign"})


@pytest.fixture
def challenge(mini: Challenge, monkeypatch: pytest.MonkeyPatch) -> Challenge:
    """The mini challenge with three known mistakes."""
    known = [DIAGONAL, SHIFT, SIGN]
    monkeypatch.setattr(Challenge, "known_mistakes", lambda challenge: known)
    return mini


def results(*, skipped: tuple[str, ...] = (), **failed: str) -> list[SpecResult]:
    """Results of the mini challenge in which these specs failed with these messages."""

    def outcome(name: str) -> Outcome:
        return "failed" if name in failed else "skipped" if name in skipped else "passed"

    names = ["test_double", "test_double_gradient", "test_row_means", "test_affine"]
    return [
        SpecResult(
            name=name,
            title="",
            points=1,
            earned=0,
            outcome=outcome(name),
            message=failed.get(name, ""),
            seconds=0.0,
        )
        for name in names
    ]


def test_equal_failures_look_like_it(challenge: Challenge) -> None:
    """The advice of the wrong solution that fails the same specs is shown, marked as a guess."""
    told = advice.advise(challenge, results(test_double="has the wrong sign"))

    assert told == "This looks like: Mind the sign."


def test_messages_tell_mistakes_apart(challenge: Challenge) -> None:
    """Of two that fail the same specs, the one whose messages agree better is chosen."""
    told = advice.advise(
        challenge, results(test_double="is shifted\nA hint.", test_affine="something else")
    )

    assert told == "This looks like: Shift by one."


def test_two_that_agree_equally_are_both_shown(challenge: Challenge) -> None:
    """Where messages do not decide, two pieces of advice stand side by side."""
    told = advice.advise(
        challenge, results(test_double="is wrong at 3", test_affine="is shifted, by 2")
    )

    assert told == "This looks like: Do not hide the diagonal. Or: Shift by one."


RAISED = "Your code raised"


@pytest.mark.parametrize(
    ("known", "message", "alike"),
    [
        (
            "Your result is wrong in 4 of 8 values.",
            "Your result is wrong in 80 of 96 values.",
            True,
        ),
        (
            "Your result is wrong in 4 of 8 values.",
            "Your result is wrong in 4 of 8 values, only …",
            True,
        ),
        (f"{RAISED} ValueError: no view", f"{RAISED} ValueError: refused", True),
        (
            "Expected a ValueError, but nothing was raised.",
            "Expected a ValueError, but this was …",
            True,
        ),
        ("Your result is wrong in 4 of 8 values.", f"{RAISED} NotImplementedError", False),
        (f"{RAISED} IndexError: 3", f"{RAISED} NotImplementedError", False),
        ("Your result has the wrong sign.", "Your result is wrong in 4 of 8 values.", False),
    ],
)
def test_a_mistake_fails_in_its_own_way(
    known: str, message: str, alike: bool, mini: Challenge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same failed specs are no likeness if none failed as it does; numbers and details may differ."""
    mistake = KnownMistake("one", "Do so.", {"test_double": known})
    monkeypatch.setattr(Challenge, "known_mistakes", lambda challenge: [mistake])

    assert bool(advice.advise(mini, results(test_double=message))) is alike


def test_one_spec_that_failed_in_the_same_way_is_enough(challenge: Challenge) -> None:
    """Another message of one spec does not take the advice away."""
    told = advice.advise(challenge, results(test_double="is wrong at 9", test_affine="another"))

    assert told == "This looks like: Do not hide the diagonal."


def test_skipped_specs_do_not_count(challenge: Challenge) -> None:
    """What was skipped because of a failure is no failure of its own."""
    told = advice.advise(
        challenge, results(skipped=("test_double_gradient",), test_double="has the wrong sign")
    )

    assert told == "This looks like: Mind the sign."


@pytest.mark.parametrize(
    "failed",
    [
        {},
        {"test_row_means": "x"},
        {"test_affine": "NaN"},
        {"test_double": "", "test_row_means": ""},
    ],
    ids=["none", "another", "a_part", "one_more"],
)
def test_no_likeness_no_advice(failed: dict[str, str], challenge: Challenge) -> None:
    """A hand-in that passes, or fails otherwise than any known one, gets no advice."""
    assert advice.advise(challenge, results(**failed)) == ""


def test_too_many_that_agree_say_nothing(mini: Challenge, monkeypatch: pytest.MonkeyPatch) -> None:
    """Advice that fits everything helps nobody."""
    known = [msgspec.structs.replace(SIGN, name=str(n), advice=f"Advice {n}.") for n in range(3)]
    monkeypatch.setattr(Challenge, "known_mistakes", lambda challenge: known)

    assert advice.advise(mini, results(test_double="has the wrong sign")) == ""


def test_the_same_advice_is_given_once(mini: Challenge, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two wrong solutions with one piece of advice do not repeat it."""
    known = [SIGN, msgspec.structs.replace(SIGN, name="again")]
    monkeypatch.setattr(Challenge, "known_mistakes", lambda challenge: known)

    assert (
        advice.advise(mini, results(test_double="has the wrong sign"))
        == "This looks like: Mind the sign."
    )
