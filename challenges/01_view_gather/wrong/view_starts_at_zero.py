"""as_strided is called with storage_offset 0."""

# caught-by: test_view_keeps_the_storage_offset
# advice: storage_offset=0 is the start of the storage, not of x: leave the argument out.

import solution
from solution import *


def view(x, shape):
    result = solution.view(x, shape)
    return x.as_strided(result.shape, result.stride(), 0)
