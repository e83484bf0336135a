"""Specs of challenge 01: gather."""

import pytest
import torch
from tensors import (
    expect_repeats,
    expect_same,
    expect_same_gradients,
    index_along,
    leaf,
    normal,
    numbers,
    random_index,
)


@pytest.mark.points(5)
def test_gather_matches_the_definition(submission, reference, rng, expect):
    """gather picks along any dim of tensors of rank 1 to 4."""
    hint = "Only the coordinate along dim comes from index; the others stay those of the output."
    for shape in [(7,), (4, 5), (3, 4, 5), (2, 3, 4, 3)]:
        for dim in range(len(shape)):
            src = leaf(rng, *shape)
            index = index_along(rng, src, dim, length=6)
            sides = submission.gather, reference.gather
            expect_same(expect, sides, src, dim, index, hint=hint)


@pytest.mark.points(3)
@pytest.mark.needs("test_gather_matches_the_definition")
def test_gather_with_a_smaller_index(submission, reference, rng, expect):
    """index may be smaller than src in the other dims, or empty; the output has its shape."""
    hint = "Count the coordinates along the shape of index, not of src."
    src = leaf(rng, 4, 5, 6)
    cases = [(0, (3, 2, 4)), (1, (2, 7, 5)), (2, (3, 4, 1)), (1, (0, 2, 3)), (2, (2, 3, 0))]
    for dim, shape in cases:
        index = random_index(rng, src.shape[dim], shape)
        expect_same(expect, (submission.gather, reference.gather), src, dim, index, hint=hint)


@pytest.mark.points(2)
@pytest.mark.needs("test_gather_matches_the_definition")
def test_gather_along_negative_dims(submission, reference, rng, expect):
    """A negative dim counts from the end."""
    hint = "dim = -1 means the last dim, also where you compare dims."
    for dim in (-1, -2, -3):
        src = leaf(rng, 3, 4, 5)
        index = index_along(rng, src, dim, length=4)
        expect_same(expect, (submission.gather, reference.gather), src, dim, index, hint=hint)


@pytest.mark.points(3)
@pytest.mark.needs("test_gather_matches_the_definition")
def test_gather_from_strided_tensors(submission, reference, rng, expect):
    """src and index may be transposed, sliced or expanded."""
    hint = "Address elements by coordinates; offsets into memory differ from layout to layout."
    sides = submission.gather, reference.gather
    for lay_out in [lambda t: t.t(), lambda t: t.t()[1:, :3], lambda t: t.t()[::2]]:
        src = lay_out(normal(rng, 5, 6)).requires_grad_()
        rows, columns = src.shape
        transposed = random_index(rng, columns, (4, rows)).t()  # (rows, 4)
        expect_same(expect, sides, src, 1, transposed, hint=hint)
        expanded = random_index(rng, rows, (2, 1)).expand(2, columns)  # (2, columns)
        expect_same(expect, sides, src, 0, expanded, hint=hint)


@pytest.mark.points(3)
@pytest.mark.needs("test_gather_matches_the_definition")
def test_gather_adds_up_gradients(submission, reference, rng, expect):
    """An element that is picked several times receives the sum of the gradients."""
    hint = "The backward of a gather adds into the gradient of src; it does not assign."
    for shape, dim in [((6,), 0), ((3, 4), 1), ((3, 2, 4), 0)]:
        src = leaf(rng, *shape)
        index = index_along(rng, src, dim, length=9)
        sides = submission.gather, reference.gather
        expect_same_gradients(expect, rng, sides, src, dim, index, hint=hint)


@pytest.mark.points(3)
@pytest.mark.needs("test_gather_matches_the_definition")
def test_gather_copies_every_value_exactly(submission, reference, rng, expect):
    """Infinities, large integers, booleans and bfloat16 arrive as they were, dtype included."""
    hint = "Pick the elements instead of computing with them: 0 * inf is nan."
    infinite = normal(rng, 4, 5)
    infinite[:, ::2] = -torch.inf
    sources = [
        infinite,
        numbers(rng, 4, 5) + 2**53,
        numbers(rng, 4, 5) % 2 == 0,
        normal(rng, 4, 5).to(torch.bfloat16),
        normal(rng, 4, 5).to(torch.float32),
    ]
    for src in sources:
        index = random_index(rng, 5, (4, 6))
        expect_same(expect, (submission.gather, reference.gather), src, 1, index, hint=hint)


@pytest.mark.points(7)
@pytest.mark.needs("test_gather_matches_the_definition")
def test_gather_is_written_by_you(submission, reference, rng, expect):
    """gather is built without torch.gather and torch.take_along_dim."""
    sides = submission.gather, reference.gather
    for shape, dim in [((4, 5), 0), ((4, 5), 1), ((3, 4, 5), 1), ((3, 4, 5), 2)]:
        src = leaf(rng, *shape)
        trace = expect_repeats(expect, sides, src, dim, index_along(rng, src, dim, length=6))
        used = "aten.gather" in trace.operators
        expect.that(not used, "You used torch.gather; build it from indexing.")


@pytest.mark.points(6)
@pytest.mark.needs("test_gather_is_written_by_you")
def test_gather_does_not_loop_over_elements(submission, reference, rng, expect):
    """A larger index costs no more operators than a small one."""
    sides = submission.gather, reference.gather
    counts = []
    for sizes in [(2, 2, 2), (30, 31, 32)]:
        index = random_index(rng, sizes[1], sizes)
        counts.append(len(expect_repeats(expect, sides, leaf(rng, *sizes), 1, index).operators))
    # Three operators of slack. The fixed limit is far above any broadcasting, and below a loop along
    # the shortest dim, also where the first call was padded with idle operators.
    expect.that(
        counts[1] <= min(counts[0] + 3, 29),
        "The number of operators grows with index; pick all elements in one indexing operation.",
    )


# A remark, without points: the hand-in's own process says where its result lives.
@pytest.mark.points(0)
@pytest.mark.needs("test_gather_matches_the_definition")
def test_gather_stays_on_its_device(submission, reference, rng, expect):
    """gather works where its arguments live and reads no value back into Python."""
    hint = "Create helper tensors with device=index.device, and avoid .item() and .tolist()."
    src = leaf(rng, 3, 4, 5)
    for dim in range(3):
        index = index_along(rng, src, dim, length=2)
        expected = reference.gather.meta(src, dim, index)
        expect(submission.gather.meta(src, dim, index), expected, hint=hint)
