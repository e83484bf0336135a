"""What is left of a chunk is computed by /, in floating point."""

# caught-by: test_strides_of_a_contiguous_layout
# advice: int(a / b) rounds beyond 2**53: whole numbers are divided by //.

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
        if left == 1 and size > 1:
            left, stride = chunks.pop()
        if left % size:
            raise ValueError("no view")
        result.append(stride)
        left, stride = int(left / size), stride * size
    return tuple(reversed(result))


def view(x, shape):
    shape = solution.infer_shape(shape, x.numel())
    return x.as_strided(shape, view_strides(tuple(x.shape), x.stride(), shape))
