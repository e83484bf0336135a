"""expect: like with like, exactly typed, with words for the learner and never an error of ours."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.challenge import Limits
from grader.expectation import Expect, SpecFailure
from grader.session import STOPPED, Session, SubmissionError
from grader.transport import SessionLost
from grader.worker import wire
from grader.worker.calls import Vjp
from grader.worker.values import Abstract, Foreign, Origin, Record

EXPECT = Expect(torch.device("cpu"))
ONES = torch.ones(2, 3, dtype=torch.float64)


class NoTransport:
    """For remotes that nobody asks anything."""

    def exchange(self, frame: wire.Frame, seconds: float) -> wire.Frame:
        """Never called."""
        raise AssertionError("something was asked")

    def send(self, frame: wire.Frame, seconds: float) -> None:
        """Never called."""
        raise AssertionError("something was sent")


REMOTE = Session(NoTransport(), torch.device("cpu"), Limits()).remote(1, "Model")


def from_worker(tensor: torch.Tensor, device: str = "cpu", kind: str = "") -> torch.Tensor:
    """A tensor that came over the wire."""
    copy = tensor.detach().clone().requires_grad_(tensor.requires_grad)
    copy.origin = Origin(device, kind)  # type: ignore[attr-defined]
    return copy


def told(actual: Any, expected: Any, **options: Any) -> str:
    """What the learner is told about a difference."""
    with pytest.raises(SpecFailure) as caught:
        EXPECT(actual, expected, **options)
    return str(caught.value)


SAME: dict[str, Any] = {
    "none": None,
    "bool": True,
    "int": 3,
    "float": 0.5,
    "complex": 1j,
    "text": "a",
    "bytes": b"a",
    "dtype": torch.float32,
    "device": torch.device("cpu"),
    "tensor": ONES,
    "empty_tensor": torch.empty(0, 3),
    "whole_numbers": torch.arange(3),
    "flags": torch.tensor([True, False]),
    "complex_tensor": torch.ones(2, dtype=torch.complex64),
    "list": [1, [2.0, ONES]],
    "tuple": (1, ()),
    "dict": {"a": ONES, 2: None},
    "record": Record("Pair", {"left": 1, "right": ONES}),
    "abstract": Abstract((2,), torch.float32, "meta"),
    "vjp": Vjp(ONES, (ONES, None), {"w": ONES}, (None,)),
}


@pytest.mark.parametrize("name", SAME)
def test_a_value_is_like_itself(name: str) -> None:
    """A right answer of any kind passes."""
    assert EXPECT(SAME[name], SAME[name]) is None
    assert EXPECT(SAME[name], SAME[name], exact=True) is None


ANYTHING: dict[str, Any] = {
    **SAME,
    "nan": math.nan,
    "infinity": math.inf,
    "enormous": 10**400,
    "foreign": Foreign("numpy.ndarray", "an array of another library"),
    "stopped": STOPPED,
    "remote": REMOTE,
    "nested": [[[[]]]],
    "text_of_a_number": "3",
    "tensor_of_another_shape": torch.zeros(7),
    "tensor_without_rank": torch.tensor(3),
    "nan_tensor": torch.full((2, 3), math.nan, dtype=torch.float64),
    "elsewhere": from_worker(ONES, "cuda:0"),
    "subclass": from_worker(ONES, "cpu", "Named"),
    "odd_key": {(1, 2): 3},
}


# The session has checked what modes return, so these are only ever compared with their like.
MODES = {"vjp"}


@pytest.mark.parametrize("actual", ANYTHING)
def test_anything_is_compared_with_anything(actual: str) -> None:
    """Whatever came back is right or a SpecFailure; no answer makes the comparison itself fail."""
    passed = set()
    for expected in SAME.keys() - MODES:
        with contextlib.suppress(SpecFailure):
            EXPECT(ANYTHING[actual], SAME[expected])
            passed.add(expected)

    assert passed <= {actual}


WRONG: dict[str, tuple[Any, Any, str]] = {
    "nothing_returned": (None, ONES, "Your result is None, expected a torch.Tensor. Is a return"),
    "list_for_tensor": ([1.0], ONES, "Your result is a list, expected a torch.Tensor."),
    "array_for_tensor": (
        Foreign("numpy.ndarray", "an array of another library"),
        ONES,
        "Your result is a numpy.ndarray (an array of another library), expected a torch.Tensor.",
    ),
    "object_for_tensor": (REMOTE, ONES, "Your result is a Model object, expected a torch.Tensor."),
    "stopped": (STOPPED, ONES, "the call was stopped at its time limit"),
    "subclass": (from_worker(ONES, "cpu", "Named"), ONES, "is a Named, a subclass of Tensor"),
    "elsewhere": (from_worker(ONES, "cuda:0"), ONES, "is on device cuda:0, expected cpu"),
    "shape": (ONES.t(), ONES, "has shape (3, 2), expected shape (2, 3)"),
    "dtype": (ONES.float(), ONES, "has dtype float32, expected float64"),
    "values": (ONES * 2, ONES, "Your result "),
    "bool_for_int": (True, 1, "Your result is a bool, expected an int."),
    "int_for_bool": (1, True, "Your result is an int, expected a bool."),
    "float_for_int": (1.0, 1, "Your result is a float, expected an int."),
    "complex_for_float": (1j, 1.0, "is a complex number, expected a float"),
    "wrong_int": (2, 1, "Your result has the wrong value."),
    "wrong_float": (2.0, 1.0, "Your result "),
    "wrong_text": ("b", "a", "Your result has the wrong value."),
    "tuple_for_list": ((1,), [1], "Your result is a tuple, expected a list."),
    "too_short": ([1], [1, 2], "Your result has 1 items, expected 2."),
    "item": ([1, [2, 5]], [1, [2, 3]], "Your result[1][1] has the wrong value."),
    "missing_key": ({}, {"a": 1}, "Your result lacks 'a'."),
    "another_key": ({"a": 1, "b": 2}, {"a": 1}, "has 'b' that is not expected"),
    "value_in_dict": ({"a": 2}, {"a": 1}, "Your result['a'] has the wrong value."),
    "missing_field": (Record("R", {}), Record("R", {"x": 1}), "Your result has no field 'x'."),
    "field": (Record("R", {"x": 2}), Record("R", {"x": 1}), "Your result.x has the wrong value."),
    "abstract": (
        Abstract((3,), torch.float32, "meta"),
        Abstract((2,), torch.float32, "meta"),
        "has shape (3,) and dtype float32 on another device, expected (2,) and float32",
    ),
    "left_on_cpu": (ONES, Abstract((2, 3), torch.float64, "meta"), "create tensors with device="),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_difference_is_put_into_words(name: str) -> None:
    """What differs, and where in the result, is said in a sentence."""
    actual, expected, words = WRONG[name]

    assert words in told(actual, expected)


def test_whether_a_result_requires_grad_is_not_asked() -> None:
    """Its own process says so, and could say anything: gradients are compared as values."""
    assert EXPECT(ONES, ONES.clone().requires_grad_()) is None


def test_the_hint_follows_in_a_line_of_its_own() -> None:
    """The author's hint stands after the sentence about the difference."""
    assert told(2, 1, hint="Count from zero.") == (
        "Your result has the wrong value.\nCount from zero."
    )


def grads(**changes: Any) -> Vjp:
    """Gradients with some of them changed."""
    fields = {"output": ONES, "grads": (ONES, ONES), "params": {"w": ONES}, "second": None}
    return Vjp(**{**fields, **changes})


GRADIENTS: dict[str, tuple[Vjp, Vjp, str]] = {
    "output": (grads(output=ONES + 1), grads(), "Your result "),
    "wrong": (grads(grads=(ONES, -ONES)), grads(), "The gradient of input 1 "),
    "cut_off": (grads(grads=(ONES, None)), grads(), "input 1 is missing: the result is cut off"),
    "too_few": (grads(grads=()), grads(), "The gradient of input 0 is missing"),
    "leak": (grads(), grads(grads=(ONES, None)), "a gradient leaks to where none belongs"),
    "parameter": (grads(params={"w": -ONES}), grads(), "The gradient of parameter w "),
    "no_parameters": (grads(params={}), grads(), "The set of trainable parameters lacks 'w'"),
    "parameter_cut_off": (grads(params={"w": None}), grads(), "parameter w is missing"),
    "no_second": (grads(second=None), grads(second=(ONES, None)), "second derivative by input 0"),
    "wrong_second": (
        grads(second=(-ONES, None)),
        grads(second=(ONES, None)),
        "The second derivative by input 0 ",
    ),
}


@pytest.mark.parametrize("name", GRADIENTS)
def test_gradients_are_compared_one_by_one(name: str) -> None:
    """The first gradient that differs is named: of which input, of which parameter."""
    actual, expected, words = GRADIENTS[name]

    assert words in told(actual, expected)


def test_zeros_are_no_leak() -> None:
    """A gradient of zeros where none is expected is as good as none."""
    assert EXPECT(grads(grads=(ONES, ONES * 0)), grads(grads=(ONES, None))) is None


def test_tolerance_follows_the_dtype() -> None:
    """A difference of 1e-6 is nothing in float32, and too much in float64 or when exact."""
    near = torch.tensor([1.0, 2.0], dtype=torch.float64) * (1 + 1e-6)
    wanted = torch.tensor([1.0, 2.0], dtype=torch.float64)

    assert EXPECT(near.float(), wanted.float()) is None
    assert told(near, wanted)
    assert told(near.float(), wanted.float(), exact=True)
    assert EXPECT(near, wanted, rtol=1e-5) is None


def test_a_result_of_another_dtype_is_never_converted() -> None:
    """Values that would be right in another dtype are wrong."""
    for dtype in (torch.float32, torch.int64, torch.complex128, torch.bool):
        assert "has dtype" in told(ONES.to(dtype), ONES)


def test_only_values_can_be_expected() -> None:
    """An expected value that was not fetched is a mistake in the spec, not the learner's."""
    with pytest.raises(TypeError, match="fetch its value first"):
        EXPECT(ONES, REMOTE)


# raises.


def raising(*types: str) -> Callable[[], None]:
    """A call that makes the hand-in raise something."""

    def call() -> None:
        raise SubmissionError(wire.Raised(1, list(types), "bad shape", []))

    return call


def test_a_derived_error_is_one_of_its_kind() -> None:
    """An exception of a class derived from the wanted one will do."""
    call = raising("MyError", "ValueError", "Exception", "BaseException")

    assert EXPECT.raises(ValueError, call) is None


def test_another_error_is_shown() -> None:
    """The learner reads what was raised instead."""
    with pytest.raises(SpecFailure, match="Expected a ValueError, but this was raised: KeyError"):
        EXPECT.raises(ValueError, raising("KeyError", "Exception"))


def test_no_error_is_not_enough() -> None:
    """A call that returns has not raised."""
    with pytest.raises(SpecFailure, match=r"nothing was raised\.\nCheck"):
        EXPECT.raises(ValueError, lambda: None, hint="Check the sizes.")


def test_a_lost_session_is_no_error_of_the_kind() -> None:
    """A worker that died has not raised a ValueError; the loss passes through."""

    def call() -> None:
        raise SessionLost("crashed", "gone")

    with pytest.raises(SessionLost):
        EXPECT.raises(Exception, call)


# tensor, number, that.


def test_a_checked_tensor_is_detached() -> None:
    """What passed the checks is a plain tensor to compute with."""
    value = EXPECT.tensor(ONES.clone().requires_grad_(), shape=(2, 3), dtype=torch.float64)

    assert not value.requires_grad


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "expected a torch.Tensor"),
        (ONES.t(), "has shape (3, 2), expected shape (2, 3)"),
        (ONES.float(), "has dtype float32, expected float64"),
        (ONES * math.nan, "contains NaN or infinities"),
        (ONES * math.inf, "contains NaN or infinities"),
        (from_worker(ONES, "cpu", "Named"), "a subclass of Tensor"),
    ],
    ids=["none", "shape", "dtype", "nan", "infinite", "subclass"],
)
def test_an_unfit_tensor_is_not_handed_out(value: Any, words: str) -> None:
    """A spec never computes with something that is no finite tensor of the right shape and dtype."""
    with pytest.raises(SpecFailure) as caught:
        EXPECT.tensor(value, shape=(2, 3), dtype=torch.float64, hint="Look again.")

    assert words in str(caught.value)
    assert str(caught.value).endswith("\nLook again.")


@pytest.mark.parametrize("value", [0, -3, 2.5])
def test_a_number_is_handed_out(value: float) -> None:
    """A finite int or float is returned as it is."""
    assert EXPECT.number(value) == value


@pytest.mark.parametrize(
    "value",
    [
        True,
        None,
        "3",
        1j,
        math.nan,
        math.inf,
        10**400,
        -(10**400),
        torch.tensor(3.0),
        Foreign("x", ""),
    ],
    ids=repr,
)
def test_what_is_no_finite_number_is_not_handed_out(value: Any) -> None:
    """Bools, texts, tensors, NaN, infinities and numbers beyond all bounds are refused."""
    with pytest.raises(SpecFailure):
        EXPECT.number(value)


def test_that_says_only_its_message() -> None:
    """A rule is explained in its author's own words."""
    EXPECT.that(True, "unused")
    with pytest.raises(SpecFailure, match=r"^You used gather\.$"):
        EXPECT.that(False, "You used gather.")


@settings(deadline=None, max_examples=60)
@given(st.floats(0.5, 1e3), st.integers(2, 6))
def test_no_message_holds_the_expected_value(value: float, count: int) -> None:
    """Whatever was expected, its digits do not stand in what the learner is told."""
    expected = math.pi * torch.linspace(value, value * 1.7, count, dtype=torch.float64)
    for actual in (expected * 3, expected.flip(0), expected + 1, expected[:1], expected.float()):
        message = told(actual, expected)

        assert all(f"{number:.6g}" not in message for number in expected.tolist())
