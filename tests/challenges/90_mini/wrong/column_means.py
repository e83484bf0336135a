"""Means of columns instead of rows."""
# caught-by: test_row_means
# advice: A row runs along dimension 1: that is the dimension to average over.

from solution import *  # noqa: F403


def row_means(x):
    return x.mean(dim=0)
