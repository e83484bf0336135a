"""Scores are multiplied by a 0/1 mask, so hidden ones become 0."""
# caught-by: test_output_depends_on_the_past_and_never_on_the_future
# caught-by: test_equal_scores_average_the_visible_values
# advice: A score of 0 still gets the weight exp(0). Hidden scores have to be -inf (or very
# advice: negative) before the softmax, not 0.

import solution
import torch
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    def attention_weights(self, q: Tensor, k: Tensor) -> Tensor:
        scores = q @ k.transpose(-2, -1) * self.head_dim**-0.5
        scores = scores * torch.ones_like(scores).tril()
        return scores.softmax(dim=-1)
