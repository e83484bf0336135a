"""The walk over the strides starts at the last dim, which a 0-d tensor does not have."""

# caught-by: test_view_of_a_tensor_without_dims
# advice: x.stride()[-1] fails for a 0-d tensor: it has no dims, so start from an empty list.

import solution
from solution import *


def view(x, shape):
    if x.stride()[-1] != 1:
        return solution.view(x, shape)
    return solution.view(x, shape)
