"""The new strides are those of a contiguous tensor, whatever the old ones are."""

# caught-by: test_strides_of_transposed_and_stepped_layouts
# caught-by: test_view_follows_the_strides
# advice: You lay row-major strides over any memory: derive the new strides from the old ones.

import math

import solution
from solution import *


def view_strides(shape, strides, new_shape):
    if math.prod(shape) != math.prod(new_shape):
        raise ValueError("another number of elements")
    return tuple(math.prod(new_shape[d + 1 :]) for d in range(len(new_shape)))


def view(x, shape):
    shape = solution.infer_shape(shape, x.numel())
    return x.as_strided(shape, view_strides(tuple(x.shape), x.stride(), shape))
