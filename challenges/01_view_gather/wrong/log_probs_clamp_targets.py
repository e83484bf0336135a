"""Ignored targets are clamped to token 0 and then counted."""

# caught-by: test_ignored_targets_count_nothing
# advice: The clamped lookup gives the value of token 0: fill it with 0 afterwards.

import torch.nn.functional as F
from solution import *


def token_log_probs(logits, targets, ignore_index=-100):
    log_probs = F.log_softmax(logits, dim=-1)
    return log_probs.gather(-1, targets.clamp(min=0).unsqueeze(-1)).squeeze(-1)
