"""The scores are scaled by sqrt(embed_dim)."""
# caught-by: test_heads_are_contiguous_and_separate
# advice: You scale by sqrt(embed_dim). A score is a sum over head_dim products, so divide by
# advice: sqrt(head_dim).

import solution
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    def attention_weights(self, q: Tensor, k: Tensor) -> Tensor:
        embed_dim = self.num_heads * self.head_dim
        scores = q @ k.transpose(-2, -1) * embed_dim**-0.5
        scores = scores.masked_fill(self.future_mask(scores), float("-inf"))
        return scores.softmax(dim=-1)
