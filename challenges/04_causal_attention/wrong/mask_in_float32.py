"""A float32 mask is added to the scores."""
# caught-by: test_float32_and_bfloat16
# advice: Your additive mask is float32 whatever x is, which turns bfloat16 scores into float32.
# advice: Give it dtype=x.dtype, or use a boolean mask.

import solution
import torch
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    def attention_weights(self, q: Tensor, k: Tensor) -> Tensor:
        scores = q @ k.transpose(-2, -1) * self.head_dim**-0.5
        mask = torch.full(scores.shape[-2:], float("-inf"), device=scores.device).triu(diagonal=1)
        return (scores + mask).softmax(dim=-1)
