"""The number of elements is checked only where a -1 is inferred."""

# caught-by: test_view_refuses_bad_shapes
# advice: as_strided reads whatever it reaches: compare the product of sizes with x.numel().

import solution
from solution import *


def view(x, shape):
    if shape.count(-1) == 1:
        shape = solution.infer_shape(shape, x.numel())
    strides = solution.view_strides(x, shape) if x.numel() else (1,) * len(shape)
    return x.as_strided(shape, strides)
