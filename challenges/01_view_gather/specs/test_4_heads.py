"""Specs of challenge 01: split_heads and merge_heads."""

import pytest
from tensors import expect_same, expect_same_gradients, leaf, normal


@pytest.mark.points(3)
def test_split_heads(submission, reference, rng, expect):
    """Head h of split_heads holds channels h * D to (h + 1) * D of every position."""
    hint = "Cut C into (H, D) first, then move H in front of T."
    sides = submission.split_heads, reference.split_heads
    for num_heads in (1, 3, 4, 12):
        transposed = normal(rng, 5, 2, 12).transpose(0, 1).requires_grad_()
        for x in [leaf(rng, 2, 5, 12), transposed]:
            expect_same(expect, sides, x, num_heads, hint=hint)
            expect_same_gradients(expect, rng, sides, x, num_heads, hint=hint)


@pytest.mark.points(3)
def test_merge_heads(submission, reference, rng, expect):
    """merge_heads lays the heads of each position side by side, whatever the strides."""
    hint = "T must stand before H when H and D become C; after a transpose, view may be impossible."
    sides = submission.merge_heads, reference.merge_heads
    for num_heads in (1, 3, 4):
        transposed = normal(rng, 2, 5, num_heads, 4).transpose(1, 2).requires_grad_()
        for x in [leaf(rng, 2, num_heads, 5, 4), transposed]:
            expect_same(expect, sides, x, hint=hint)
            expect_same_gradients(expect, rng, sides, x, hint=hint)


@pytest.mark.points(2)
@pytest.mark.needs("test_split_heads", "test_merge_heads")
def test_heads_of_an_empty_batch(submission, reference, rng, expect):
    """split_heads and merge_heads work when B or T is 0."""
    hint = "Next to a size of 0, -1 is ambiguous: name every size."
    for batch, time in [(2, 0), (0, 5)]:
        x, heads = leaf(rng, batch, time, 12), leaf(rng, batch, 3, time, 4)
        expect_same(expect, (submission.split_heads, reference.split_heads), x, 3, hint=hint)
        expect_same(expect, (submission.merge_heads, reference.merge_heads), heads, hint=hint)


@pytest.mark.points(2)
@pytest.mark.needs("test_split_heads")
def test_split_heads_refuses_a_bad_number(submission, rng, expect):
    """A number of heads that is not a positive divisor of C is a ValueError."""
    hint = "Check num_heads before you reshape: at least 1, and C % num_heads == 0."
    x = leaf(rng, 2, 3, 12)
    for num_heads in (5, 24, 0, -3):
        expect.raises(ValueError, lambda n=num_heads: submission.split_heads(x, n), hint=hint)
