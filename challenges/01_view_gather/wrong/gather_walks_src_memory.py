"""Flat positions are computed with the strides of src, then looked up in a flattened src."""

# caught-by: test_gather_from_strided_tensors
# advice: src.flatten() is row-major whatever src.stride() says: index with coordinates instead.

import torch
from solution import *


def gather(src, dim, index):
    dim %= src.dim()
    flat = torch.zeros_like(index)
    for d, (size, stride) in enumerate(zip(index.shape, src.stride(), strict=True)):
        shape = [size if d == other else 1 for other in range(index.dim())]
        position = torch.arange(size, device=index.device).reshape(shape)
        flat = flat + (index if d == dim else position) * stride
    return src.flatten()[flat % max(src.numel(), 1)]
