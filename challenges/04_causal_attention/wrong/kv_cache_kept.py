"""Keys and values of earlier calls stay in a cache."""
# caught-by: test_calls_leave_no_trace
# advice: Your module remembers keys and values of earlier calls. forward is a function of x alone:
# advice: drop the cache.

import solution
import torch
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.1) -> None:
        super().__init__(embed_dim, num_heads, dropout)
        self.cache: list[tuple[Tensor, Tensor]] = []

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (self.split_heads(t) for t in self.qkv(x).chunk(3, dim=-1))
        self.cache = [pair for pair in self.cache if pair[0].size(0) == x.size(0)]
        self.cache.append((k, v))
        k, v = (torch.cat(tensors, dim=2) for tensors in zip(*self.cache, strict=True))
        scores = q @ k.transpose(-2, -1) * self.head_dim**-0.5  # (B, H, T, past + T)
        past = k.size(2) - x.size(1)
        hidden = torch.ones_like(scores, dtype=torch.bool).triu(diagonal=past + 1)
        weights = scores.masked_fill(hidden, float("-inf")).softmax(dim=-1)
        return self.proj(self.merge_heads(self.dropout(weights) @ v))
