"""size and step are not checked."""

# caught-by: test_windows_refuse_bad_sizes
# advice: as_strided reads past the row: raise ValueError for a bad size or step first.

from solution import *


def sliding_windows(x, size, step):
    stride = x.stride(-1)
    num_windows = (x.shape[-1] - size) // step + 1
    return x.as_strided(
        (*x.shape[:-1], num_windows, size), (*x.stride()[:-1], step * stride, stride)
    )
