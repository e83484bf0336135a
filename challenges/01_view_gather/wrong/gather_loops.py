"""A Python loop picks one slot after the other along dim."""

# caught-by: test_gather_does_not_loop_over_elements
# advice: A loop costs an operator per step: broadcast the coordinates and index once.

import solution
import torch
from solution import *


def gather(src, dim, index):
    slots = [solution.gather(src, dim, part) for part in index.split(1, dim)]
    return torch.cat(slots, dim)
