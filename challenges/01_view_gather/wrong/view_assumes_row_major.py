"""The new strides are those of a contiguous tensor, whatever the strides of x."""

# caught-by: test_view_follows_the_strides
# caught-by: test_view_refuses_what_needs_a_copy
# advice: You lay row-major strides over any x: derive the new strides from x.stride().

import solution
import torch
from solution import *


def view(x, shape):
    shape = solution.infer_shape(shape, x.numel())
    return x.as_strided(shape, torch.empty(shape).stride())
