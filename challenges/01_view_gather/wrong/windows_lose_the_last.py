"""There is one window too few: the + 1 is missing."""

# caught-by: test_windows_of_a_contiguous_tensor
# advice: From 0 to L - size in steps of step there are (L - size) // step + 1 starts.

import solution
from solution import *


def sliding_windows(x, size, step):
    return solution.sliding_windows(x, size, step)[..., : (x.shape[-1] - size) // step, :]
