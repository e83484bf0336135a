"""Whole slices are selected, as index_select does."""

# caught-by: test_gather_matches_the_definition
# advice: src[index] takes a whole row for each entry: give every dim its own coordinate.

from solution import *


def gather(src, dim, index):
    return src.index_select(dim, index.flatten())
