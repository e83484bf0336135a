"""The strides of a layout without elements must fit as those of any other."""

# caught-by: test_strides_without_elements
# caught-by: test_view_of_a_tensor_without_elements
# advice: Without elements there is nothing to address: return any strides before you walk the chunks.

import math

import solution
from solution import *


def view_strides(shape, strides, new_shape):
    if math.prod(shape) != math.prod(new_shape):
        raise ValueError("another number of elements")
    return solution.deal_dims(solution.merge_dims(shape, strides), new_shape)


def view(x, shape):
    shape = solution.infer_shape(shape, x.numel())
    return x.as_strided(shape, view_strides(tuple(x.shape), x.stride(), shape))
