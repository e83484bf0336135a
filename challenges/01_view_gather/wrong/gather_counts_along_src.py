"""The coordinates of the other dims run along src, not along index."""

# caught-by: test_gather_with_a_smaller_index
# advice: index may be smaller than src: take the lengths of the coordinates from index.shape.

import torch
from solution import *


def gather(src, dim, index):
    sizes = list(src.shape)
    sizes[dim] = index.shape[dim]
    coordinates = list(torch.meshgrid(*map(torch.arange, sizes), indexing="ij"))
    coordinates[dim] = index
    return src[tuple(coordinates)]
