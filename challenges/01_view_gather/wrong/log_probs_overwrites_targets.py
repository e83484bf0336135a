"""The ignored targets are replaced in the caller's own tensor."""

# caught-by: test_arguments_stay_as_they_were
# advice: targets[mask] = 0 changes the tensor of the caller: use masked_fill, without the _.

import torch.nn.functional as F
from solution import *


def token_log_probs(logits, targets, ignore_index=-100):
    ignored = targets == ignore_index
    targets[ignored] = 0
    log_probs = F.log_softmax(logits, dim=-1)
    return log_probs.gather(-1, targets.unsqueeze(-1)).squeeze(-1).masked_fill(ignored, 0.0)
