"""Random layouts for view_strides: sizes and strides that no 64-bit number holds, so no torch either.

A layout is built from primes in random order. Cutting their row at some places and multiplying what
lies between gives a shape; cutting it elsewhere gives another shape of the same elements.
"""

import math
from itertools import pairwise

import torch

FACTORS = 24  # the product of the 24 smallest primes is already beyond 2**100


def drawn(rng, low, high):
    """A random whole number from low to high - 1."""
    return int(torch.randint(low, high, (), generator=rng))


def primes(rng, count=FACTORS):
    """Distinct random primes below 2**20."""
    found = []
    while len(found) < count:
        n = drawn(rng, 2**12, 2**20)
        if n not in found and all(n % d for d in range(2, math.isqrt(n) + 1)):
            found.append(n)
    return found


def regrouped(rng, factors, rank):
    """A shape of this rank: the factors in their order, multiplied between random cuts."""
    cuts = torch.randperm(len(factors) - 1, generator=rng)[: rank - 1] + 1
    ends = [0, *sorted(cuts.tolist()), len(factors)]
    return tuple(math.prod(factors[start:end]) for start, end in pairwise(ends))


def bricks(factors):
    """Two shapes, no dim of one ending where a dim of the other does: neither can be cut in two."""
    lower = tuple(map(math.prod, zip(factors[::2], factors[1::2], strict=True)))
    middle = map(math.prod, zip(factors[1:-1:2], factors[2:-1:2], strict=True))
    return lower, (factors[0], *middle, factors[-1])


def row_major(shape, unit=1):
    """Strides of a block in which the last dim steps by `unit`."""
    return tuple(unit * math.prod(shape[d + 1 :]) for d in range(len(shape)))


def chunks_of(rng, count):
    """Random primes dealt to chunks: runs of dims that one stride walks."""
    factors = primes(rng)
    length = FACTORS // count
    return [factors[start : start + length] for start in range(0, FACTORS, length)]


def shape_over(rng, chunks, rank):
    """A shape with `rank` dims in each chunk."""
    return sum((regrouped(rng, factors, rank) for factors in chunks), ())


def ragged_shapes(rng, chunks):
    """For each chunk a shape of its own, of 2 to 5 dims."""
    return [regrouped(rng, factors, drawn(rng, 2, 6)) for factors in chunks]


def straddling(rng, chunks):
    """A shape of the same number of elements in which one dim spans two chunks."""
    shapes = ragged_shapes(rng, chunks)
    left = drawn(rng, 0, len(chunks) - 1)
    before, after = shapes[left : left + 2]
    shapes[left : left + 2] = [(*before[:-1], before[-1] * after[0], *after[1:])]
    return sum(shapes, ())


def ragged(rng, chunks):
    """A shape with 2 to 5 dims in each chunk."""
    return sum(ragged_shapes(rng, chunks), ())


def laid_out(rng, chunks, rank, expanded=()):
    """Shape and strides of chunks that lie in memory in random order, each with a step of its own.

    `expanded`: the numbers of chunks that repeat one element, with stride 0.
    """
    unit, units = 1, {}
    for n in torch.randperm(len(chunks), generator=rng).tolist():
        units[n] = 0 if n in expanded else unit * drawn(rng, 2, 2**20)
        unit = max(unit, units[n] * math.prod(chunks[n]))
    shapes = [regrouped(rng, factors, rank) for factors in chunks]
    strides = sum((row_major(shape, units[n]) for n, shape in enumerate(shapes)), ())
    return sum(shapes, ()), strides


def with_ones(rng, shape, strides):
    """The same layout with dims of size 1 at random places; their strides say nothing."""
    dims = list(zip(shape, strides, strict=True))
    for _ in range(3):
        dims.insert(drawn(rng, 0, len(dims) + 1), (1, drawn(rng, 0, 2**62)))
    return tuple(size for size, _ in dims), tuple(stride for _, stride in dims)


def expect_strides(expect, sides, layout, new_shape, hint):
    """Compare the strides on both sides where they count: not for size 1, not without elements."""
    actual, expected = (side(*layout, new_shape) for side in sides)
    if isinstance(actual, tuple) and len(actual) == len(expected):
        free = [size == 1 or 0 in new_shape for size in new_shape]
        # Of a free stride only the type counts: it takes the value that is expected.
        actual = tuple(
            want if is_free and type(got) is int else got
            for got, want, is_free in zip(actual, expected, free, strict=True)
        )
    expect(actual, expected, hint=hint)


def expect_answers(expect, rng, sides, layout, fits, refused, hint):
    """Compare the strides of shapes that fit and see that others are refused, in random order."""
    submission, _ = sides
    shapes = [*fits, *refused]
    for n in torch.randperm(len(shapes), generator=rng).tolist():
        if n < len(fits):
            expect_strides(expect, sides, layout, shapes[n], hint=hint)
        else:
            expect.raises(ValueError, lambda s=shapes[n]: submission(*layout, s), hint=hint)
