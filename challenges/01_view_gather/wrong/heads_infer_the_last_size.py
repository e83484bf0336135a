"""The size of a head is left to -1, which is ambiguous when T is 0."""

# caught-by: test_heads_of_an_empty_batch
# advice: Write channels // num_heads for the last size: next to a 0, -1 is ambiguous.

from solution import *


def split_heads(x, num_heads):
    batch, time, channels = x.shape
    if num_heads < 1 or channels % num_heads:
        raise ValueError("num_heads must divide C")
    return x.reshape(batch, time, num_heads, -1).transpose(1, 2)
