"""One head after the other, each from its own slices of the features."""

import math

import torch
from torch import Tensor, nn


class CausalSelfAttention(nn.Module):
    """The slowest way and the easiest to read; no tensor has more than three dims."""

    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.1) -> None:
        super().__init__()
        if num_heads not in range(1, embed_dim + 1) or embed_dim % num_heads:
            raise ValueError(f"num_heads={num_heads} is no divisor of {embed_dim}")
        self.embed_dim = embed_dim
        self.head_dim = embed_dim // num_heads
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim, bias=False)
        self.proj = nn.Linear(embed_dim, embed_dim)
        self.drop = nn.Dropout(dropout)

    def head(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """Attend with one head: three times (B, T, D) -> (B, T, D)."""
        T = q.shape[1]
        scores = torch.bmm(q, k.transpose(1, 2)) / math.sqrt(self.head_dim)
        past = torch.ones(T, T, dtype=torch.bool, device=q.device).tril()
        weights = torch.softmax(scores.masked_fill(past.logical_not(), -math.inf), dim=2)
        return torch.bmm(self.drop(weights), v)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        q, k, v = self.qkv(x).split(self.embed_dim, dim=2)
        outputs = []
        for start in range(0, self.embed_dim, self.head_dim):
            own = slice(start, start + self.head_dim)
            outputs.append(self.head(q[..., own], k[..., own], v[..., own]))
        return self.proj(torch.cat(outputs, dim=2))
