"""The outer dim's own size decides whether two dims join, instead of the inner dim's."""

# caught-by: test_strides_of_a_contiguous_layout
# caught-by: test_view_of_a_contiguous_tensor
# advice: One step of the outer dim must skip the whole inner dim: inner size * inner stride.

import math

import solution
from solution import *


def merge_dims(shape, strides):
    chunks = []
    outer_size = 1
    for size, stride in zip(shape, strides, strict=True):
        if size == 1:
            continue
        if chunks and chunks[-1][1] == outer_size * stride:
            outer_numel, _ = chunks.pop()
            chunks.append((outer_numel * size, stride))
        else:
            chunks.append((size, stride))
        outer_size = size
    return chunks


def view_strides(shape, strides, new_shape):
    if math.prod(shape) != math.prod(new_shape) or 0 in shape:
        return solution.view_strides(shape, strides, new_shape)
    return solution.deal_dims(merge_dims(shape, strides), new_shape)


def view(x, shape):
    shape = solution.infer_shape(shape, x.numel())
    return x.as_strided(shape, view_strides(tuple(x.shape), x.stride(), shape))
