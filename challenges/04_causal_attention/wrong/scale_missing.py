"""The scores are not scaled."""
# caught-by: test_scores_are_scaled
# advice: Divide the scores by sqrt(head_dim): without it they grow with the head's width and the
# advice: softmax saturates.

import solution
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    def attention_weights(self, q: Tensor, k: Tensor) -> Tensor:
        scores = q @ k.transpose(-2, -1)
        scores = scores.masked_fill(self.future_mask(scores), float("-inf"))
        return scores.softmax(dim=-1)
