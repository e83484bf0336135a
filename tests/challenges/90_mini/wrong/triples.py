"""Triples instead of doubling."""
# caught-by: test_double
# advice: double adds x to itself once, not twice.

from solution import *  # noqa: F403


def double(x):
    return x + x + x
