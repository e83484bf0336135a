"""The logarithm is taken after softmax has rounded small probabilities to 0."""

# caught-by: test_log_probs_of_huge_logits
# advice: softmax underflows to 0 and its log is -inf: use log_softmax, or subtract logsumexp.

from solution import *


def token_log_probs(logits, targets, ignore_index=-100):
    log_probs = logits.softmax(-1).log()
    ignored = targets == ignore_index
    index = targets.masked_fill(ignored, 0).unsqueeze(-1)
    return log_probs.gather(-1, index).squeeze(-1).masked_fill(ignored, 0.0)
