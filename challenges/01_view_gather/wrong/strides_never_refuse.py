"""A new dim that does not divide what is left of a chunk is laid over it all the same."""

# caught-by: test_strides_refuse_what_needs_a_copy
# caught-by: test_view_refuses_what_needs_a_copy
# advice: Where left % size is not 0, the new dim would leave its chunk: raise ValueError.

import math

import solution
from solution import *


def view_strides(shape, strides, new_shape):
    if math.prod(shape) != math.prod(new_shape) or 0 in shape:
        return solution.view_strides(shape, strides, new_shape)
    chunks = solution.merge_dims(shape, strides)
    result = []
    left, stride = 1, 1
    for size in reversed(new_shape):
        if left == 1 and size > 1 and chunks:
            left, stride = chunks.pop()
        result.append(stride)
        left, stride = max(left // size, 1), stride * size
    return tuple(reversed(result))


def view(x, shape):
    shape = solution.infer_shape(shape, x.numel())
    return x.as_strided(shape, view_strides(tuple(x.shape), x.stride(), shape))
