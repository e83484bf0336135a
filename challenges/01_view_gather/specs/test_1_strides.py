"""Specs of challenge 01: view_strides. All of them go beyond 64 bits, so that torch cannot answer."""

import pytest
from layouts import (
    bricks,
    chunks_of,
    expect_answers,
    expect_strides,
    laid_out,
    primes,
    ragged,
    regrouped,
    row_major,
    shape_over,
    straddling,
    with_ones,
)


@pytest.mark.points(5)
def test_strides_of_a_contiguous_layout(submission, reference, rng, expect):
    """view_strides lays any shape over contiguous memory, exactly, also beyond 64 bits."""
    hint = (
        "Where all dims join, each stride is the product of all sizes to its right. Stay with "
        "Python's ints: they have no limit, while floats and int64 do."
    )
    sides = submission.view_strides, reference.view_strides
    for new_shape in [(6, 4), (4, 6), (24,), (2, 3, 2, 2), (3, 8), (2, 3, 4)]:
        expect_strides(expect, sides, ((2, 3, 4), (12, 4, 1)), new_shape, hint=hint)
    for _ in range(3):
        factors = primes(rng)
        shape = regrouped(rng, factors, 8)
        for rank in (1, 5, 24):
            new_shape = regrouped(rng, factors, rank)
            expect_strides(expect, sides, (shape, row_major(shape)), new_shape, hint=hint)
        shape, new_shape = bricks(factors)
        expect_strides(expect, sides, (shape, row_major(shape)), new_shape, hint=hint)


@pytest.mark.points(5)
@pytest.mark.needs("test_strides_of_a_contiguous_layout")
def test_strides_of_transposed_and_stepped_layouts(submission, reference, rng, expect):
    """Dims that lie in memory in any order and with any steps are split and joined within chunks."""
    hint = "Dims d and d + 1 join when stride[d] == size[d + 1] * stride[d + 1], and only then."
    sides = submission.view_strides, reference.view_strides
    transposed, stepped = ((6, 4), (1, 6)), ((4, 3), (6, 2))
    for layout, new_shape in [(transposed, (2, 3, 2, 2)), (stepped, (12,)), (stepped, (2, 6))]:
        expect_strides(expect, sides, layout, new_shape, hint=hint)
    for count in (2, 3, 4):
        chunks = chunks_of(rng, count)
        layout = laid_out(rng, chunks, rank=3)
        for rank in (1, 2, 4, 6):
            expect_strides(expect, sides, layout, shape_over(rng, chunks, rank), hint=hint)


@pytest.mark.points(4)
@pytest.mark.needs("test_strides_of_a_contiguous_layout")
def test_strides_of_expanded_and_size_one_dims(submission, reference, rng, expect):
    """Dims of stride 0, dims of size 1 with any stride, and no dims at all are no obstacle."""
    hint = "An index into size 1 is always 0: its stride joins nothing and separates nothing."
    sides = submission.view_strides, reference.view_strides
    for layout in [((), ()), ((1,), (7,)), ((1, 1), (5, 3))]:
        for new_shape in [(), (1,), (1, 1, 1)]:
            expect_strides(expect, sides, layout, new_shape, hint=hint)
    for expanded in [(), (0,), (1,), (2,), (0, 1, 2)]:
        chunks = chunks_of(rng, 3)
        layout = with_ones(rng, *laid_out(rng, chunks, 3, expanded))
        for rank in (1, 4):
            new_shape = shape_over(rng, chunks, rank)
            new_shape, _ = with_ones(rng, new_shape, new_shape)
            expect_strides(expect, sides, layout, new_shape, hint=hint)


@pytest.mark.points(4)
@pytest.mark.needs("test_strides_of_transposed_and_stepped_layouts")
def test_strides_refuse_what_needs_a_copy(submission, reference, rng, expect):
    """Where a new dim would span two chunks, view_strides raises ValueError."""
    hint = "Every new dim must lie within one chunk: it has to divide what is left of it."
    sides = submission.view_strides, reference.view_strides
    for count in (2, 3, 4):
        chunks = chunks_of(rng, count)
        layout = laid_out(rng, chunks, rank=3)
        fits = [ragged(rng, chunks) for _ in range(4)]
        refused = [straddling(rng, chunks) for _ in range(4)]
        refused += [ragged(rng, order) for order in (chunks[::-1], chunks[1:] + chunks[:1])]
        expect_answers(expect, rng, sides, layout, fits, refused, hint=hint)


@pytest.mark.points(2)
@pytest.mark.needs("test_strides_of_a_contiguous_layout")
def test_strides_refuse_another_number_of_elements(submission, reference, rng, expect):
    """Strides exist only for shapes with as many elements as there are."""
    hint = "Compare the products of the sizes before you look at any stride."
    sides = submission.view_strides, reference.view_strides
    for _ in range(3):
        factors = primes(rng)
        shape = regrouped(rng, factors, 6)
        fits = [regrouped(rng, factors, rank) for rank in (7, 8, 9)]
        one = fits[1]
        refused = [one[1:], one[:-1], (2, *one), (*one, 3), (one[0] - 1, *one[1:]), (*one, 0), ()]
        expect_answers(expect, rng, sides, (shape, row_major(shape)), fits, refused, hint=hint)


@pytest.mark.points(2)
@pytest.mark.needs("test_strides_of_a_contiguous_layout")
def test_strides_without_elements(submission, reference, rng, expect):
    """Where there are no elements, every shape without elements has strides, and no other shape."""
    hint = "With a size of 0 no element is ever addressed: any strides will do, one for each dim."
    sides = submission.view_strides, reference.view_strides
    for rank in (2, 4):
        shape, strides = laid_out(rng, chunks_of(rng, 2), rank)
        empty = ((*shape[:rank], 0, *shape[rank:]), (*strides[:rank], 1, *strides[rank:]))
        other = regrouped(rng, primes(rng), 5)
        fits = [(0,), (0, *other), (*other, 0), (*other[:2], 0, *other[2:], 0), empty[0]]
        expect_answers(expect, rng, sides, empty, fits, [(), (1,), shape, other], hint=hint)
