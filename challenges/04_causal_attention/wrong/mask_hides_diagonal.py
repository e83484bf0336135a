"""The mask also hides the diagonal."""
# caught-by: test_single_token
# caught-by: test_equal_scores_average_the_visible_values
# advice: Your mask hides position t from itself, so the first row has nothing left and becomes NaN.
# advice: Hide only what comes after t: torch.triu(..., diagonal=1).

import solution
import torch
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    def future_mask(self, scores: Tensor) -> Tensor:
        seq_len = scores.size(-1)
        return torch.ones(seq_len, seq_len, device=scores.device).triu(diagonal=0).bool()
