"""as_strided is called with storage_offset 0."""

# caught-by: test_windows_of_a_strided_tensor
# advice: storage_offset=0 is the start of the storage, not of x: leave the argument out.

import solution
from solution import *


def sliding_windows(x, size, step):
    windows = solution.sliding_windows(x, size, step)
    return x.as_strided(windows.shape, windows.stride(), 0)
