"""A dim of size 1 is merged only if its stride fits."""

# caught-by: test_view_of_expanded_and_size_one_dims
# advice: Skip dims of size 1 when you merge: their stride is arbitrary and never used.

import solution
from solution import *


def merge_dims(x):
    chunks = []
    for size, stride in zip(x.shape, x.stride(), strict=True):
        if chunks and chunks[-1][1] == size * stride:
            outer_numel, _ = chunks.pop()
            chunks.append((outer_numel * size, stride))
        else:
            chunks.append((size, stride))
    return chunks


def view_strides(x, shape):
    chunks = merge_dims(x)
    strides = []
    numel, stride = 1, 1
    for size in reversed(shape):
        while numel == 1 and size > 1:
            numel, stride = chunks.pop()
        if numel % size:
            raise ValueError("no view")
        strides.append(stride)
        numel, stride = numel // size, stride * size
    return tuple(reversed(strides))


def view(x, shape):
    shape = solution.infer_shape(shape, x.numel())
    strides = view_strides(x, shape) if x.numel() else (1,) * len(shape)
    return x.as_strided(shape, strides)
