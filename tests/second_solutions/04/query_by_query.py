"""No mask at all: position t gets only the keys it may see, and softmax runs over those."""

import torch
from torch import Tensor, nn


class CausalSelfAttention(nn.Module):
    """One query after the other, as in generation with a cache of keys and values."""

    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.1) -> None:
        super().__init__()
        if num_heads < 1 or embed_dim % num_heads:
            raise ValueError(f"{num_heads} is no positive divisor of {embed_dim}")
        self.shape = (num_heads, embed_dim // num_heads)
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim, bias=False)
        self.proj = nn.Linear(embed_dim, embed_dim)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        q, k, v = (part.unflatten(-1, self.shape) for part in self.qkv(x).chunk(3, dim=-1))
        q = q * self.shape[1] ** -0.5  # (B, T, H, D)
        rows = []
        for t in range(x.shape[1]):
            scores = (q[:, t : t + 1] * k[:, : t + 1]).sum(-1, keepdim=True)  # (B, t + 1, H, 1)
            weights = self.drop(scores.softmax(dim=1))
            rows.append((weights * v[:, : t + 1]).sum(dim=1).flatten(1))  # (B, C)
        return self.proj(torch.stack(rows, dim=1))
