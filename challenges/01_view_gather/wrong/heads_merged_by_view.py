"""view is called on the transposed tensor, whose strides do not allow it."""

# caught-by: test_merge_heads
# advice: After transpose, H and D share no stride: use reshape, or contiguous() before view.

from solution import *


def merge_heads(x):
    batch, num_heads, time, head_dim = x.shape
    return x.transpose(1, 2).view(batch, time, num_heads * head_dim)
