"""The softmax runs over the queries."""
# caught-by: test_weights_sum_to_one
# caught-by: test_scores_are_scaled
# advice: Your softmax runs over the queries. Each query's weights over the keys sum to 1:
# advice: softmax(dim=-1).

import solution
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    def attention_weights(self, q: Tensor, k: Tensor) -> Tensor:
        scores = q @ k.transpose(-2, -1) * self.head_dim**-0.5
        scores = scores.masked_fill(self.future_mask(scores), float("-inf"))
        return scores.softmax(dim=-2)
