"""The result of double does not require grad."""
# caught-by: test_double
# advice: Return a result that stays in the graph: no detach, no .data.

from solution import *  # noqa: F403


def double(x):
    return x.detach() * 2
