"""Head h takes every H-th channel, in both directions."""

# caught-by: test_split_heads
# caught-by: test_merge_heads
# advice: Your heads take every H-th channel: split C as (H, D), not as (D, H).

from solution import *


def split_heads(x, num_heads):
    batch, time, channels = x.shape
    if num_heads < 1 or channels % num_heads:
        raise ValueError("num_heads must divide C")
    return x.reshape(batch, time, channels // num_heads, num_heads).permute(0, 3, 1, 2)


def merge_heads(x):
    batch, num_heads, time, head_dim = x.shape
    return x.permute(0, 2, 3, 1).reshape(batch, time, num_heads * head_dim)
