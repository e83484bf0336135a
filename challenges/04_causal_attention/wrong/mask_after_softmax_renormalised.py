"""Weights are masked after the softmax and divided by their sum."""
# caught-by: test_large_hidden_scores
# advice: Masking after the softmax and dividing by the sum is 0/0 when a hidden score is huge. Mask
# advice: the scores before the softmax.

import solution
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    def attention_weights(self, q: Tensor, k: Tensor) -> Tensor:
        scores = q @ k.transpose(-2, -1) * self.head_dim**-0.5
        weights = scores.softmax(dim=-1).tril()
        return weights / weights.sum(dim=-1, keepdim=True)
