"""What a learner is told about wrong values: the truth, in words that hold no expected number."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.diagnosis import close, explain, explain_shape
from grader.tolerance import EXACT, tolerance

ALLOWED = tolerance(torch.float64, "cpu")
INF, NAN = math.inf, math.nan


def values(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    """Random values, the same for the same shape."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(7), dtype=dtype)


def with_item(tensor: torch.Tensor, item: float, *index: int) -> torch.Tensor:
    """A copy with one value replaced."""
    copy = tensor.clone()
    copy[index] = item
    return copy


WANTED = values(3, 4, 5)
SQUARE = values(4, 4)
WRONG: dict[str, tuple[torch.Tensor, torch.Tensor, str]] = {
    "nan": (with_item(WANTED, NAN, 0, 0, 0), WANTED, "contains NaN (1 of 60 values)"),
    "infinite": (with_item(WANTED, INF, 0, 0, 0), WANTED, "contains infinities (1 of 60 values)"),
    "zeros": (torch.zeros_like(WANTED), WANTED, "is zero everywhere"),
    "constant": (torch.ones_like(WANTED), WANTED, "has the same value everywhere"),
    "negated": (-WANTED, WANTED, "has the wrong sign"),
    "factor": (WANTED * 1.5, WANTED, "is off by a constant factor"),
    "shifted_values": (WANTED + 2, WANTED, "is off by the same amount everywhere"),
    "float32": (WANTED.float().double(), WANTED, "is right to float32 precision only"),
    "bfloat16": (WANTED.bfloat16().double(), WANTED, "is right to bfloat16 precision only"),
    "transposed": (SQUARE.t(), SQUARE, "is transposed: dimensions 0 and 1 are swapped"),
    "too_late": (WANTED.roll(1, 2), WANTED, "shifted by one position along dimension 2 (it comes"),
    "too_early": (WANTED.roll(-1, 1), WANTED, "(it comes too early)"),
    "reversed": (WANTED.flip(1), WANTED, "is reversed along dimension 1"),
    "shuffled": (
        WANTED.reshape(-1)[torch.randperm(60)].reshape(3, 4, 5),
        WANTED,
        "holds the right values in the wrong places",
    ),
    "last_position": (
        with_item(WANTED, 9, 1, 2, 4),
        WANTED,
        "is wrong in 1 of 60 values, only at the last position of dimension 2",
    ),
    "first_position": (
        torch.cat([WANTED[:1] * values(1, 4, 5), WANTED[1:]]),
        WANTED,
        "is wrong in 20 of 60 values, only at position 0 of dimension 0",
    ),
    "all_but_the_first": (
        torch.cat([WANTED[:, :1], WANTED[:, 1:].exp()], dim=1),
        WANTED,
        "everywhere but at position 0 of dimension 1",
    ),
    "anywhere": (WANTED.exp(), WANTED, "is wrong in 60 of 60 values"),
    "whole_numbers": (
        torch.tensor([100, 5, 7]),
        torch.tensor([101, 5, 7]),
        "is wrong in 1 of 3 values, only at position 0 of dimension 0",
    ),
    "flags": (torch.tensor([True, False]), torch.tensor([True, True]), "is wrong in 1 of 2 values"),
    "finite_for_infinite": (
        torch.tensor([1.0, 1.0, 2.0]),
        torch.tensor([INF, 1.0, 2.0]),
        "is wrong in 1 of 3 values, only at position 0",
    ),
    "single_value": (torch.tensor(2.0), torch.tensor(3.0), "is wrong in its value"),
    "single_sign": (torch.tensor(-3.0), torch.tensor(3.0), "has the wrong sign"),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_mistake_is_named(name: str) -> None:
    """Each way of being wrong is called by its name."""
    actual, expected, words = WRONG[name]

    assert words in explain(actual, expected, ALLOWED)


@pytest.mark.parametrize("name", WRONG)
def test_no_expected_number_is_told(name: str) -> None:
    """The numbers in the words are counts, positions and dimensions, never values."""
    actual, expected, _ = WRONG[name]
    told = explain(actual, expected, ALLOWED).replace("float32", "").replace("bfloat16", "")
    counts = {str(number) for number in range(expected.numel() + 1)}

    assert set(re.findall(r"[-\d.]*\d[\d.e+-]*", told)) <= counts


@pytest.mark.parametrize(
    "dtype",
    [
        torch.float32,
        torch.float16,
        torch.bfloat16,
        torch.complex64,
        torch.complex128,
        torch.int64,
        torch.uint8,
        torch.bool,
    ],
    ids=str,
)
@pytest.mark.parametrize("shape", [(), (1,), (3,), (3, 3), (2, 0), (1, 2, 1, 2, 1, 2, 3)], ids=str)
def test_every_dtype_and_rank_has_words(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    """Wrong values of any dtype and rank are explained without an error."""
    actual, expected = torch.zeros(shape).to(dtype), torch.ones(shape).to(dtype)

    assert explain(actual, expected, tolerance(dtype, "cpu"))


SHAPES: dict[str, tuple[torch.Tensor, str]] = {
    "other_order": (WANTED.permute(2, 0, 1), "the values are right, but the dimensions are in"),
    "flattened": (WANTED.reshape(-1), "the values are right and in order, only the shape is not"),
    "cut": (WANTED[:2], "has shape (2, 4, 5), expected shape (3, 4, 5)"),
    "same_count": (torch.zeros(5, 12), "has shape (5, 12), expected shape (3, 4, 5)"),
    "other_order_and_wrong": (
        WANTED.exp().permute(1, 0, 2),
        "has shape (4, 3, 5), expected shape (3, 4, 5)",
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_wrong_shape_is_explained(name: str) -> None:
    """Both shapes are told, and whether the values would be right in another arrangement."""
    actual, words = SHAPES[name]
    told = explain_shape(actual, WANTED, ALLOWED)

    assert words in told
    assert ("values are right" in told) == ("values are right" in words)


def _nan(wanted: torch.Tensor) -> torch.Tensor:
    return torch.full_like(wanted, NAN)


FAR: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "nan": _nan,
    "infinite": lambda wanted: wanted + INF,
    "larger": lambda wanted: wanted + 1e-6,
    "smaller": lambda wanted: wanted - 1e-6,
}


@pytest.mark.parametrize("name", FAR)
def test_far_is_not_close(name: str) -> None:
    """NaN is close to nothing, an infinity to no number, and 1e-6 is far in float64."""
    wanted = torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)

    assert not close(FAR[name](wanted), wanted, ALLOWED).any()


def test_nan_is_not_close_to_nan() -> None:
    """A reference that holds NaN can be met by nothing."""
    both = torch.tensor([NAN], dtype=torch.float64)

    assert not close(both, both, ALLOWED).any()
    assert not close(both, both, EXACT).any()


def test_an_infinity_is_close_to_itself_alone() -> None:
    """inf meets inf, and neither -inf nor the largest number."""
    wanted = torch.tensor([INF, INF, INF, -INF], dtype=torch.float64)
    actual = torch.tensor([INF, -INF, 1.7e308, -INF], dtype=torch.float64)

    assert close(actual, wanted, ALLOWED).tolist() == [True, False, False, True]


def test_digits_lost_to_the_largest_term_are_forgiven() -> None:
    """A small value beside a large one may be off by a rounding of the large one."""
    wanted = torch.tensor([1e6, 1e-3], dtype=torch.float32)
    actual = torch.tensor([1e6, 2e-3], dtype=torch.float32)

    assert close(actual, wanted, tolerance(torch.float32, "cpu")).all()


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8),
    st.sampled_from([torch.float64, torch.float32, torch.bfloat16, torch.float16]),
)
def test_a_value_is_close_to_itself(numbers: list[float], dtype: torch.dtype) -> None:
    """Every finite tensor is close to itself, with and without tolerance."""
    tensor = torch.tensor(numbers, dtype=torch.float64).clamp(-6e4, 6e4).to(dtype)

    assert close(tensor, tensor, tolerance(dtype, "cpu")).all()
    assert close(tensor, tensor, EXACT).all()
