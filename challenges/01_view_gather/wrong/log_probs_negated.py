"""The loss is returned, the negative log-probability."""

# caught-by: test_log_probs_of_targets
# advice: cross_entropy is the negative log-probability: change the sign.

import solution
from solution import *


def token_log_probs(logits, targets, ignore_index=-100):
    return -solution.token_log_probs(logits, targets, ignore_index)
