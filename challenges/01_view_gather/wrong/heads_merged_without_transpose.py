"""The heads are merged without moving T in front of H."""

# caught-by: test_merge_heads
# advice: You join the positions of one head: transpose(1, 2) before you merge H and D.

from solution import *


def merge_heads(x):
    batch, num_heads, time, head_dim = x.shape
    return x.reshape(batch, time, num_heads * head_dim)
