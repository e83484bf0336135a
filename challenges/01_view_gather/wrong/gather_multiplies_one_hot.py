"""Elements are picked by multiplication with a one-hot mask."""

# caught-by: test_gather_copies_every_value_exactly
# advice: 0 * inf is nan: index with coordinates instead of multiplying by one-hot.

import torch.nn.functional as F
from solution import *


def gather(src, dim, index):
    last = index.movedim(dim, -1)  # (..., K)
    rows = src.movedim(dim, -1)[tuple(slice(size) for size in last.shape[:-1])]  # (..., N)
    one_hot = F.one_hot(last, rows.shape[-1]).to(src.dtype)  # (..., K, N)
    return (one_hot * rows.unsqueeze(-2)).sum(-1).movedim(-1, dim)
