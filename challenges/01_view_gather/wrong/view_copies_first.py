"""x is made contiguous first, so a view exists always, of a copy."""

# caught-by: test_view_refuses_what_needs_a_copy
# advice: contiguous() copies every tensor that is not: the result no longer shares memory with x.

import solution
from solution import *


def view(x, shape):
    return solution.view(x.contiguous(), shape)
