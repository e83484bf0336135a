"""A dim of size 1 is joined only if its stride fits."""

# caught-by: test_strides_of_expanded_and_size_one_dims
# caught-by: test_view_of_expanded_and_size_one_dims
# advice: Skip dims of size 1 when you join dims: their stride is arbitrary and never used.

import math

import solution
from solution import *


def merge_dims(shape, strides):
    chunks = []
    for size, stride in zip(shape, strides, strict=True):
        if chunks and chunks[-1][1] == size * stride:
            outer_numel, _ = chunks.pop()
            chunks.append((outer_numel * size, stride))
        else:
            chunks.append((size, stride))
    return chunks


def view_strides(shape, strides, new_shape):
    if math.prod(shape) != math.prod(new_shape) or 0 in shape:
        return solution.view_strides(shape, strides, new_shape)
    chunks = merge_dims(shape, strides)
    result = []
    left, stride = 1, 1
    for size in reversed(new_shape):
        while left == 1 and size > 1:
            left, stride = chunks.pop()
        if left % size:
            raise ValueError("no view")
        result.append(stride)
        left, stride = left // size, stride * size
    return tuple(reversed(result))


def view(x, shape):
    shape = solution.infer_shape(shape, x.numel())
    return x.as_strided(shape, view_strides(tuple(x.shape), x.stride(), shape))
