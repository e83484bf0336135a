"""C is cut into heads and moved in front of T by one reshape."""

# caught-by: test_split_heads
# advice: reshape never moves a dim past another: reshape to (B, T, H, D), then transpose(1, 2).

from solution import *


def split_heads(x, num_heads):
    batch, time, channels = x.shape
    if num_heads < 1 or channels % num_heads:
        raise ValueError("num_heads must divide C")
    return x.reshape(batch, num_heads, time, channels // num_heads)
