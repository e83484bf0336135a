"""torch.gather does the work."""

# caught-by: test_gather_is_written_by_you
# advice: Do without torch.gather and take_along_dim: one advanced indexing operation will do.

import torch
from solution import *


def gather(src, dim, index):
    return torch.gather(src, dim, index)
