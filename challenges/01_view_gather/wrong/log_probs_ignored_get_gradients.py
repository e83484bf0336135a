"""The ignored values are set to 0 behind autograd's back, so their gradient still flows."""

# caught-by: test_ignored_targets_count_nothing
# advice: Writing through .data hides the change from autograd: use masked_fill or torch.where.

import torch.nn.functional as F
from solution import *


def token_log_probs(logits, targets, ignore_index=-100):
    log_probs = F.log_softmax(logits, dim=-1)
    ignored = targets == ignore_index
    picked = log_probs.gather(-1, targets.masked_fill(ignored, 0).unsqueeze(-1)).squeeze(-1)
    picked.data[ignored] = 0.0
    return picked
