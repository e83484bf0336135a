"""What the specs of challenge 01 share: random tensors, and comparing one call on both sides."""

import torch


def normal(rng, *shape):
    """Random float64 values."""
    return torch.randn(shape, generator=rng, dtype=torch.float64)


def leaf(rng, *shape):
    """Random float64 values that ask for their gradient."""
    return normal(rng, *shape).requires_grad_()


def numbers(rng, *shape):
    """Distinct int64 values in random order."""
    return torch.randperm(torch.Size(shape).numel(), generator=rng).reshape(shape)


def random_index(rng, size, shape):
    """Random int64 indices below `size`."""
    return torch.randint(size, shape, generator=rng)


def index_along(rng, src, dim, length):
    """Indices into src along dim: `length` of them there, as many as src has in other dims."""
    shape = list(src.shape)
    shape[dim] = length
    return random_index(rng, src.shape[dim], shape)


def expect_same(expect, sides, *args, hint):
    """Compare the call on both sides, bit for bit: these functions move values, nothing else."""
    actual, expected = (side(*args) for side in sides)
    expect(actual, expected, hint=hint, exact=True)


def expect_same_gradients(expect, rng, sides, *args, hint):
    """Compare output and input gradients of the call on both sides, for a random cotangent."""
    _, reference = sides
    cotangent = normal(rng, *reference(*args).shape)
    actual, expected = (side.vjp(*args, cotangent=cotangent) for side in sides)
    expect(actual, expected, hint=hint)


def expect_repeats(expect, sides, *args, hidden=None):
    """Repeat what the call did on values that the hand-in never saw; return what came of it here."""
    hint = (
        "Wrong for this input, or values were read into Python on the way (.item(), .tolist(), if)."
    )
    actual, expected = (side.trace(*args, hidden=hidden) for side in sides)
    expect(actual.output, expected.output, hint=hint)
    return actual


def expect_shared_memory(expect, rng, sides, *args, hint, both_ways=True):
    """Write into the first argument and read the result; before that, the other way round."""
    _, reference = sides
    written = {"argument": numbers(rng, *args[0].shape) + 1000}
    if both_ways:
        written["output"] = numbers(rng, *reference(*args).shape) + 2000
    actual, expected = (side.overwrite(*args, **written) for side in sides)
    ways = [
        "What is written into your result does not show in x",
        "What is written into x does not show in your result",
    ]
    for got, wanted, way in zip(actual, expected, ways, strict=True):
        shows = wanted is None or (
            isinstance(got, torch.Tensor) and got.tolist() == wanted.tolist()
        )
        expect.that(shows, f"{way}: it is a copy.\n{hint}")
