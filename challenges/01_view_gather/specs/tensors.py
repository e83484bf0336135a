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
