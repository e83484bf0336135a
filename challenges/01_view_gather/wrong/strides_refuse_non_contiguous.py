"""Every layout that is not row-major is refused, also where a view exists."""

# caught-by: test_strides_of_transposed_and_stepped_layouts
# caught-by: test_strides_of_expanded_and_size_one_dims
# caught-by: test_view_follows_the_strides
# advice: Contiguous is more than a view needs: only the dims that you join must share a stride.

import math

import solution
from solution import *


def view_strides(shape, strides, new_shape):
    for d, size in enumerate(shape):
        if size != 1 and strides[d] != math.prod(shape[d + 1 :]):
            raise ValueError("not contiguous")
    return solution.view_strides(shape, strides, new_shape)


def view(x, shape):
    shape = solution.infer_shape(shape, x.numel())
    return x.as_strided(shape, view_strides(tuple(x.shape), x.stride(), shape))
