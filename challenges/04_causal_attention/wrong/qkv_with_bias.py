"""qkv has a bias."""
# caught-by: test_only_qkv_and_proj_have_parameters
# advice: Your qkv has a bias. Pass bias=False to it; proj keeps its own.

import solution
from torch import nn


class CausalSelfAttention(solution.CausalSelfAttention):
    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.1) -> None:
        super().__init__(embed_dim, num_heads, dropout)
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim)
