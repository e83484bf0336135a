"""The windows are sliced one by one and stacked, which copies them."""

# caught-by: test_windows_share_memory
# advice: torch.stack copies each window: as_strided with strides (step * s, s) needs no copy.

import torch
from solution import *


def sliding_windows(x, size, step):
    length = x.shape[-1]
    if step < 1 or not 1 <= size <= length:
        raise ValueError("no such windows")
    starts = range(0, length - size + 1, step)
    return torch.stack([x[..., start : start + size] for start in starts], dim=-2)
