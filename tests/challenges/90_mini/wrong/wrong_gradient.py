"""The values of double are right, its gradient is not."""
# caught-by: test_double_gradient
# advice: The values are right; look at what reaches x in the backward pass.

from solution import *  # noqa: F403


def double(x):
    return x + x + (x - x.detach())
