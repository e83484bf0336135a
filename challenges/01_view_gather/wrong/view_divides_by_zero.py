"""The missing size is numel divided by the product of the others, even if that is 0."""

# caught-by: test_view_of_a_tensor_without_elements
# advice: A known product of 0 leaves -1 ambiguous: raise ValueError before you divide.

import math

import solution
from solution import *


def view(x, shape):
    if shape.count(-1) == 1:
        missing = x.numel() // math.prod(size for size in shape if size != -1)
        shape = tuple(missing if size == -1 else size for size in shape)
    return solution.view(x, shape)
