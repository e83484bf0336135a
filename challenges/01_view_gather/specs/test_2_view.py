"""Specs of challenge 01: view."""

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

# Whatever the judge can repeat and that splits, joins or copies dims by itself.
FORBIDDEN = {
    "aten._reshape_alias",
    "aten._unsafe_view",
    "aten.clone",
    "aten.copy",
    "aten.copy_",
    "aten.view",
}
PRIMES = [2, 3, 5, 7, 11]


@pytest.mark.points(3)
def test_view_of_a_contiguous_tensor(submission, reference, rng, expect):
    """view gives a contiguous tensor any shape with as many elements, and gradients flow back."""
    hint = "Strides of a row-major shape: each is the product of all sizes to its right."
    sides = submission.view, reference.view
    for shape in [(6, 4), (4, 6), (24,), (2, 3, 2, 2), (1, 24, 1), (12, 1, 2), (2, 3, 4)]:
        expect_same(expect, sides, leaf(rng, 2, 3, 4), shape, hint=hint)
        expect_same_gradients(expect, rng, sides, leaf(rng, 2, 3, 4), shape, hint=hint)


@pytest.mark.points(2)
@pytest.mark.needs("test_view_of_a_contiguous_tensor")
def test_view_infers_minus_one(submission, reference, rng, expect):
    """A single -1 in the shape becomes the size that is missing."""
    hint = "Divide the number of elements by the product of the other sizes, without the -1."
    for shape in [(-1,), (4, -1), (-1, 3, 2), (2, -1, 3, 4)]:
        for x in [numbers(rng, 2, 3, 4), leaf(rng, 2, 3, 4)]:
            expect_same(expect, (submission.view, reference.view), x, shape, hint=hint)


@pytest.mark.points(1)
@pytest.mark.needs("test_view_of_a_contiguous_tensor")
def test_view_of_a_tensor_without_dims(submission, reference, rng, expect):
    """A 0-d tensor can be viewed as any shape with one element, and back."""
    hint = "A 0-d tensor has shape () and strides (); the product of no sizes is 1."
    for x in [leaf(rng), leaf(rng, 1), leaf(rng, 1, 1)]:
        for shape in [(), (1,), (1, 1), (1, 1, 1)]:
            expect_same(expect, (submission.view, reference.view), x, shape, hint=hint)


@pytest.mark.points(1)
@pytest.mark.needs("test_view_infers_minus_one")
def test_view_of_a_tensor_without_elements(submission, reference, rng, expect):
    """A tensor without elements takes every shape without elements; an ambiguous -1 is refused."""
    hint = "Next to a 0 every value of -1 would fit: ValueError. Elsewhere it must become 0."
    for x in [leaf(rng, 0, 3), normal(rng, 2, 0, 5).transpose(0, 2).requires_grad_()]:
        for shape in [(3, 0), (0,), (5, 0, 2), (0, 3), (-1,), (-1, 7), (4, -1, 2)]:
            expect_same(expect, (submission.view, reference.view), x, shape, hint=hint)
        for shape in [(-1, 0), (0, -1, 3)]:
            expect.raises(ValueError, lambda x=x, s=shape: submission.view(x, s), hint=hint)


@pytest.mark.points(3)
@pytest.mark.needs("test_view_of_a_contiguous_tensor")
def test_view_follows_the_strides(submission, reference, rng, expect):
    """A transposed or stepped tensor can be viewed wherever its strides allow it."""
    hint = "Dims d and d + 1 act as one when stride[d] == size[d + 1] * stride[d + 1]."
    sides = submission.view, reference.view
    cases = [
        (normal(rng, 4, 6).t(), [(2, 3, 4), (6, 2, 2), (3, 2, 2, 2), (6, 4)]),
        (normal(rng, 2, 3, 4).transpose(0, 1), [(3, 2, 2, 2), (3, 1, 2, 4)]),
        (normal(rng, 2, 3, 4, 5).permute(2, 0, 1, 3), [(4, 6, 5), (2, 2, 6, 5), (4, 3, 2, 5)]),
        (normal(rng, 24)[::2], [(3, 4), (12, 1), (2, 3, 2)]),
        (normal(rng, 4, 6)[:, ::2], [(12,), (2, 6), (6, 2)]),
        (normal(rng, 6, 8)[:4, :4], [(2, 2, 4), (4, 2, 2), (2, 2, 2, 2)]),
    ]
    for x, shapes in cases:
        for shape in shapes:
            expect_same(expect, sides, x.requires_grad_(), shape, hint=hint)
            expect_same_gradients(expect, rng, sides, x, shape, hint=hint)


@pytest.mark.points(1)
@pytest.mark.needs("test_view_of_a_contiguous_tensor")
def test_view_keeps_the_storage_offset(submission, reference, rng, expect):
    """A slice that starts inside a larger tensor is viewed from its own first element."""
    hint = "x need not begin where its storage begins: see x.storage_offset()."
    cases = [
        (normal(rng, 60)[12:36], [(4, 6), (24,), (2, 3, 4)]),
        (normal(rng, 5, 8)[1:], [(32,), (2, 2, 8)]),
        (normal(rng, 7, 2, 3)[4], [(6,), (3, 2)]),
    ]
    for x, shapes in cases:
        for shape in shapes:
            sides = submission.view, reference.view
            expect_same(expect, sides, x.requires_grad_(), shape, hint=hint)


@pytest.mark.points(1)
@pytest.mark.needs("test_view_of_a_contiguous_tensor")
def test_view_of_expanded_and_size_one_dims(submission, reference, rng, expect):
    """Expanded dims (stride 0) and dims of size 1 with any stride do not get in the way."""
    hint = "A dim of size 1 is never stepped along, so its stride must not keep others apart."
    cases = [
        (numbers(rng, 3).expand(4, 3), [(2, 2, 3), (4, 3, 1), (4, 1, 3)]),
        (numbers(rng, 4, 1).expand(4, 6), [(2, 2, 6), (4, 2, 3)]),
        (normal(rng, 1).expand(4, 6), [(24,), (8, 3)]),
        (numbers(rng, 2, 3, 1).transpose(1, 2), [(6,), (2, 3), (3, 2)]),
        (numbers(rng, 4, 6)[:, :1], [(2, 2), (4,), (2, 1, 2)]),
        (normal(rng, 6).as_strided((2, 1, 3), (3, 5, 1)), [(6,), (1, 6), (2, 3)]),
    ]
    for x, shapes in cases:
        for shape in shapes:
            expect_same(expect, (submission.view, reference.view), x, shape, hint=hint)


@pytest.mark.points(2)
@pytest.mark.needs("test_view_of_a_contiguous_tensor")
def test_view_refuses_bad_shapes(submission, rng, expect):
    """A shape that does not fit the number of elements, or has two -1, is a ValueError."""
    hint = "Check the shape before you touch the strides: its sizes, its -1, its product."
    x = leaf(rng, 4, 6)
    for shape in [(5, 5), (12,), (25,), (), (0,), (7, -1), (-1, -1), (24, -1, -1), (-2, -12)]:
        expect.raises(ValueError, lambda s=shape: submission.view(x, s), hint=hint)


@pytest.mark.points(2)
@pytest.mark.needs("test_view_follows_the_strides")
def test_view_refuses_what_needs_a_copy(submission, reference, rng, expect):
    """Where only a copy could give the shape, view raises ValueError."""
    hint = "A new dim must lie within one run of dims that share a stride."
    sides = submission.view, reference.view
    a, b, c = (PRIMES[n] for n in torch.randperm(len(PRIMES), generator=rng)[:3].tolist())
    cases = [
        (normal(rng, a, b).t(), [(a * b,), (-1,), (a, b)]),
        (normal(rng, a, b, c).transpose(0, 1), [(a * b, c), (b, a * c), (a, b, c)]),
        (normal(rng, a + 2, b + 2)[1:-1, 1:-1], [(a * b,), (-1,), (b, a)]),
        (normal(rng, a).expand(b, a), [(a * b,), (-1,), (a, b)]),
    ]
    for x, shapes in cases:
        for shape in shapes:
            expect.raises(ValueError, lambda x=x, s=shape: submission.view(x, s), hint=hint)
        fits = (1, x.shape[0], *([1] * len(x.shape)), *x.shape[1:])
        expect_same(expect, sides, x, fits, hint=hint)


# Remarks, without points: whether a result lies in the memory of x, and which operators gave it, is
# known to the hand-in's own process only.


@pytest.mark.points(0)
@pytest.mark.needs("test_view_of_a_contiguous_tensor")
def test_view_shares_memory(submission, reference, rng, expect):
    """Writing into x shows in the view, and writing into the view shows in x."""
    hint = "The result must lie in the memory of x: return what as_strided gives, not a copy of it."
    sides = submission.view, reference.view
    cases = [
        (numbers(rng, 4, 6), (2, 12)),
        (numbers(rng, 4, 6).t(), (2, 3, 4)),
        (numbers(rng, 60)[12:36:2], (3, 4)),
        (numbers(rng, 4, 6)[:, :1], (2, 1, 2)),
    ]
    for x, shape in cases:
        expect_shared_memory(expect, rng, sides, x, shape, hint=hint)


@pytest.mark.points(0)
@pytest.mark.needs("test_view_of_a_contiguous_tensor")
def test_view_computes_its_own_strides(submission, reference, rng, expect):
    """view uses no view, reshape, contiguous, clone or copy of torch."""
    hint = "reshape, flatten and the like end there. Call as_strided with your view_strides."
    sides = submission.view, reference.view
    for x, shape in [(leaf(rng, 4, 6), (2, 12)), (numbers(rng, 4, 6).t(), (2, 3, 4))]:
        trace = expect_repeats(expect, sides, x, shape)
        used = sorted(FORBIDDEN & set(trace.operators))
        expect.that(not used, f"view used {', '.join(used)}.\n{hint}")
