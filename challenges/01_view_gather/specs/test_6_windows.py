"""Specs of challenge 01: sliding_windows."""

import pytest
import torch
from tensors import (
    expect_repeats,
    expect_same,
    expect_same_gradients,
    expect_shared_memory,
    leaf,
    normal,
    numbers,
)


@pytest.mark.points(3)
def test_windows_of_a_contiguous_tensor(submission, reference, rng, expect):
    """All full windows along the last dim, and gradients that add up where windows overlap."""
    hint = "There are (L - size) // step + 1 windows; neighbours start `step` elements apart."
    sides = submission.sliding_windows, reference.sliding_windows
    for shape in [(10,), (3, 11), (2, 3, 12)]:
        for size, step in [(3, 1), (4, 2), (5, 5), (1, 1), (2, 3), (3, 4), (shape[-1], 1)]:
            expect_same(expect, sides, leaf(rng, *shape), size, step, hint=hint)
            expect_same_gradients(expect, rng, sides, leaf(rng, *shape), size, step, hint=hint)


@pytest.mark.points(3)
@pytest.mark.needs("test_windows_of_a_contiguous_tensor")
def test_windows_of_a_strided_tensor(submission, reference, rng, expect):
    """Windows follow the strides and the start of transposed, sliced and expanded tensors."""
    hint = "Steps along the last dim are measured in x.stride(-1), and x starts at its own offset."
    strided = [
        numbers(rng, 9, 4).t(),
        numbers(rng, 4, 20)[1:, 3::2],
        numbers(rng, 30)[5:15],
        numbers(rng, 9).expand(3, 9),
        normal(rng, 2, 9, 3).to(torch.bfloat16).permute(2, 0, 1),
        normal(rng, 3, 9)[:0],
    ]
    for x in strided:
        for size, step in [(4, 1), (3, 2)]:
            sides = submission.sliding_windows, reference.sliding_windows
            expect_same(expect, sides, x, size, step, hint=hint)


@pytest.mark.points(1)
@pytest.mark.needs("test_windows_of_a_contiguous_tensor")
def test_windows_refuse_bad_sizes(submission, rng, expect):
    """A size outside 1 to L, or a step below 1, is a ValueError."""
    hint = "as_strided does not know where a row ends: check size and step yourself."
    x = leaf(rng, 3, 10)
    for size, step in [(0, 1), (-1, 1), (11, 1), (3, 0), (3, -1)]:
        arguments = (x, size, step)
        expect.raises(ValueError, lambda a=arguments: submission.sliding_windows(*a), hint=hint)


# Remarks, without points: only the hand-in's own process knows.


@pytest.mark.points(0)
@pytest.mark.needs("test_windows_of_a_contiguous_tensor")
def test_windows_share_memory(submission, reference, rng, expect):
    """Writing into x shows in the windows, and writing into the windows shows in x."""
    hint = "Each window must lie in the memory of x; stacking slices copies them."
    sides = submission.sliding_windows, reference.sliding_windows
    for x in [numbers(rng, 2, 12), numbers(rng, 12, 3).t(), numbers(rng, 40)[4:28:2]]:
        for size, step, apart in [(3, 3, True), (2, 4, True), (4, 1, False)]:
            # Overlapping windows cannot be written to: one element would get several values.
            expect_shared_memory(expect, rng, sides, x, size, step, hint=hint, both_ways=apart)


@pytest.mark.points(0)
@pytest.mark.needs("test_windows_of_a_contiguous_tensor")
def test_windows_are_written_by_you(submission, reference, rng, expect):
    """sliding_windows is built without Tensor.unfold."""
    sides = submission.sliding_windows, reference.sliding_windows
    used = "aten.unfold" in expect_repeats(expect, sides, leaf(rng, 3, 12), 4, 2).operators
    expect.that(not used, "You used Tensor.unfold; give as_strided the strides.")
