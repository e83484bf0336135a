"""Helper tensors are created on the CPU, wherever index lives."""

# caught-by: test_gather_stays_on_its_device
# advice: torch.arange makes a CPU tensor unless told otherwise: pass device=index.device.

import torch
from solution import *


def gather(src, dim, index):
    dim %= src.dim()
    flat = torch.zeros(index.shape, dtype=torch.int64)
    for d, size in enumerate(index.shape):
        shape = [size if d == other else 1 for other in range(index.dim())]
        position = index if d == dim else torch.arange(size).reshape(shape)
        flat = flat * src.shape[d] + position
    return src.flatten()[flat]
