"""Dims of stride 0 are skipped like dims of size 1."""

# caught-by: test_strides_of_expanded_and_size_one_dims
# caught-by: test_view_of_expanded_and_size_one_dims
# advice: An expanded dim has elements of its own, with stride 0: only size 1 can be skipped.

import math

import solution
from solution import *


def view_strides(shape, strides, new_shape):
    if math.prod(shape) != math.prod(new_shape) or 0 in shape:
        return solution.view_strides(shape, strides, new_shape)
    sizes = [size for size, stride in zip(shape, strides, strict=True) if stride != 0]
    chunks = solution.merge_dims(sizes, [stride for stride in strides if stride != 0])
    return solution.deal_dims(chunks, new_shape)


def view(x, shape):
    shape = solution.infer_shape(shape, x.numel())
    return x.as_strided(shape, view_strides(tuple(x.shape), x.stride(), shape))
