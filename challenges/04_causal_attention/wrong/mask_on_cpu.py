"""The mask is created on the CPU."""
# caught-by: test_runs_on_any_device
# advice: Your mask is always on the CPU, so the module breaks on a GPU. Create it with
# advice: device=x.device.

import solution
import torch
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    def future_mask(self, scores: Tensor) -> Tensor:
        seq_len = scores.size(-1)
        return torch.ones(seq_len, seq_len, dtype=torch.bool).triu(diagonal=1)
