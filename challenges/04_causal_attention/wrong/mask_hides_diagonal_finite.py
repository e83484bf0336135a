"""The mask hides the diagonal, with the lowest finite number instead of -inf."""
# caught-by: test_equal_scores_average_the_visible_values
# advice: Your mask hides position t from itself (the first row then sees everything it should not).
# advice: Hide only what comes after t: torch.triu(..., diagonal=1).

import math

import solution
import torch
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    def attention_weights(self, q: Tensor, k: Tensor) -> Tensor:
        scores = q @ k.transpose(-2, -1) / math.sqrt(self.head_dim)
        mask = torch.ones_like(scores, dtype=torch.bool).triu(diagonal=0)
        return scores.masked_fill(mask, torch.finfo(scores.dtype).min).softmax(dim=-1)
