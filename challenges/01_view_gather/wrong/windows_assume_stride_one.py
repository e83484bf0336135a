"""The last dim is taken to have stride 1."""

# caught-by: test_windows_of_a_strided_tensor
# advice: After a transpose or a stepped slice the last stride is not 1: use x.stride(-1).

import solution
from solution import *


def sliding_windows(x, size, step):
    windows = solution.sliding_windows(x, size, step)
    return x.as_strided(windows.shape, (*x.stride()[:-1], step, 1))
