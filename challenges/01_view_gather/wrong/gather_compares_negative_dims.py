"""A negative dim is compared with positions from 0 on, and so never found."""

# caught-by: test_gather_along_negative_dims
# advice: d == dim is never true for dim = -1: replace dim by dim % src.dim() first.

import torch
from solution import *


def gather(src, dim, index):
    coordinates = []
    for d, size in enumerate(index.shape):
        position = torch.arange(size, device=index.device)
        trailing = (None,) * (index.dim() - 1 - d)
        coordinates.append(index if d == dim else position[(slice(None), *trailing)])
    return src[tuple(coordinates)]
