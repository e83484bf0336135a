"""The strides are right, but the result is computed from the view, and so a new tensor."""

# caught-by: test_view_shares_memory
# advice: Return what as_strided gives: any arithmetic on it, even + 0, makes a new tensor.

import solution
from solution import *


def view(x, shape):
    return solution.view(x, shape) + 0
