"""Every old dim is a chunk of its own: dims can be split, but not joined."""

# caught-by: test_strides_of_a_contiguous_layout
# caught-by: test_view_of_a_contiguous_tensor
# advice: Neighbouring dims that one stride walks are one chunk: join them before you deal out new dims.

import math

import solution
from solution import *


def view_strides(shape, strides, new_shape):
    if math.prod(shape) != math.prod(new_shape) or 0 in shape:
        return solution.view_strides(shape, strides, new_shape)
    chunks = [(n, s) for n, s in zip(shape, strides, strict=True) if n != 1]
    return solution.deal_dims(chunks, new_shape)


def view(x, shape):
    shape = solution.infer_shape(shape, x.numel())
    return x.as_strided(shape, view_strides(tuple(x.shape), x.stride(), shape))
