"""The -1 itself is part of the product when the missing size is inferred."""

# caught-by: test_view_infers_minus_one
# advice: Leave the -1 out of the product of the known sizes: it makes the result negative.

import math

import solution
from solution import *


def view(x, shape):
    shape = tuple(x.numel() // math.prod(shape) if size == -1 else size for size in shape)
    return solution.view(x, shape)
