"""The result is float32 whatever the dtype of the logits, unless they are float64."""

# caught-by: test_log_probs_keep_the_dtype
# advice: Computing bfloat16 logits in float32 is fine; cast the result back with .to(logits.dtype).

import solution
import torch
from solution import *


def token_log_probs(logits, targets, ignore_index=-100):
    wide = logits if logits.dtype == torch.float64 else logits.float()
    return solution.token_log_probs(wide, targets, ignore_index)
