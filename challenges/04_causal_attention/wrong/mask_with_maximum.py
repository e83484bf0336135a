"""A mask for 1024 positions is registered once."""
# caught-by: test_any_length
# advice: Your mask has a fixed size, so longer inputs fail. The constructor knows no longest T:
# advice: make the mask from the input's T.

import solution
import torch
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.1) -> None:
        super().__init__(embed_dim, num_heads, dropout)
        mask = torch.ones(1024, 1024, dtype=torch.bool).triu(diagonal=1)
        self.register_buffer("mask", mask, persistent=False)

    def future_mask(self, scores: Tensor) -> Tensor:
        seq_len = scores.size(-1)
        return self.mask[:seq_len, :seq_len]
