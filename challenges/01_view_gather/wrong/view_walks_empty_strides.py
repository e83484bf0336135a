"""The strides of a tensor without elements must fit as those of any other."""

# caught-by: test_view_of_a_tensor_without_elements
# advice: Without elements there is nothing to address: skip the stride rule when x.numel() == 0.

import solution
from solution import *


def view(x, shape):
    shape = solution.infer_shape(shape, x.numel())
    return x.as_strided(shape, solution.view_strides(x, shape))
