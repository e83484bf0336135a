"""The softmax is exp divided by its sum."""
# caught-by: test_shifted_scores
# advice: exp overflows for large scores. Subtract each row's maximum before exp, or use
# advice: torch.softmax, which does.

import solution
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    def attention_weights(self, q: Tensor, k: Tensor) -> Tensor:
        scores = q @ k.transpose(-2, -1) * self.head_dim**-0.5
        weights = scores.masked_fill(self.future_mask(scores), float("-inf")).exp()
        return weights / weights.sum(dim=-1, keepdim=True)
