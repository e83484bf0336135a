"""The softmax is always computed in float32."""
# caught-by: test_equal_scores_average_the_visible_values
# advice: You compute the softmax in float32 even when x is float64. Never use less precision than x
# advice: has: leave the dtype alone, or promote with torch.promote_types(x.dtype, torch.float32).

import solution
import torch
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    def attention_weights(self, q: Tensor, k: Tensor) -> Tensor:
        scores = q @ k.transpose(-2, -1) * self.head_dim**-0.5
        scores = scores.masked_fill(self.future_mask(scores), float("-inf"))
        return scores.softmax(dim=-1, dtype=torch.float32).to(q.dtype)
