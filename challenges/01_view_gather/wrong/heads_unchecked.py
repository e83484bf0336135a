"""num_heads is not checked, and torch complains in its own words."""

# caught-by: test_split_heads_refuses_a_bad_number
# advice: reshape raises RuntimeError: check num_heads < 1 and C % num_heads yourself.

from solution import *


def split_heads(x, num_heads):
    batch, time, channels = x.shape
    return x.reshape(batch, time, num_heads, channels // num_heads).transpose(1, 2)
