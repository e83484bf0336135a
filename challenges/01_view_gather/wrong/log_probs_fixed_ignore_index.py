"""Negative targets are ignored, whatever ignore_index says."""

# caught-by: test_ignore_index_is_an_argument
# advice: Compare targets with ignore_index: it may be any number, also a token of the vocabulary.

import solution
from solution import *


def token_log_probs(logits, targets, ignore_index=-100):
    return solution.token_log_probs(logits, targets.masked_fill(targets < 0, -100))
