"""view works on x.data, which is cut from the graph."""

# caught-by: test_view_of_a_contiguous_tensor
# advice: x.data leaves the autograd graph: call as_strided on x itself, it is differentiable.

import solution
from solution import *


def view(x, shape):
    return solution.view(x.data, shape)
