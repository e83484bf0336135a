"""The mask adds -10,000: large, but not larger than every score."""
# caught-by: test_large_hidden_scores
# advice: You add a fixed number to the hidden scores, and a large score in the future still beats it.
# advice: Use -inf (masked_fill), or torch.finfo(scores.dtype).min.

import math

import solution
import torch
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    def attention_weights(self, q: Tensor, k: Tensor) -> Tensor:
        scores = q @ k.transpose(-2, -1) / math.sqrt(self.head_dim)
        scores = scores + torch.full_like(scores, -1e4).triu(diagonal=1)
        return scores.softmax(dim=-1)
