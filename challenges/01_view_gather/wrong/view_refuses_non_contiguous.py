"""Every non-contiguous tensor is refused, also where a view exists."""

# caught-by: test_view_follows_the_strides
# caught-by: test_view_of_expanded_and_size_one_dims
# advice: Contiguous is more than view needs: only the dims that you merge must share a stride.

import solution
from solution import *


def view(x, shape):
    if not x.is_contiguous():
        raise ValueError("x is not contiguous")
    return solution.view(x, shape)
