"""The walk over the strides starts at the last dim, which a 0-d layout does not have."""

# caught-by: test_strides_of_expanded_and_size_one_dims
# caught-by: test_view_of_a_tensor_without_dims
# advice: strides[-1] fails where there are no dims: start from an empty list of chunks.

import solution
from solution import *


def view_strides(shape, strides, new_shape):
    if strides[-1] != 1:
        return solution.view_strides(shape, strides, new_shape)
    return solution.view_strides(shape, strides, new_shape)


def view(x, shape):
    shape = solution.infer_shape(shape, x.numel())
    return x.as_strided(shape, view_strides(tuple(x.shape), x.stride(), shape))
