"""Hidden scores are set to -1e9, which no visible score comes near."""

import math

import torch
from torch import Tensor, nn


class CausalSelfAttention(nn.Module):
    """Heads are folded into the batch, so that baddbmm can do the scaling."""

    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.1) -> None:
        super().__init__()
        if num_heads < 1 or embed_dim % num_heads:
            raise ValueError(f"num_heads={num_heads} does not divide embed_dim={embed_dim}")
        self.num_heads = num_heads
        self.head_dim = embed_dim // num_heads
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim, bias=False)
        self.proj = nn.Linear(embed_dim, embed_dim)
        self.drop = nn.Dropout(dropout)

    def fold(self, part: Tensor) -> Tensor:
        """(B, T, C) -> (B * H, T, D)."""
        return part.unflatten(-1, (self.num_heads, self.head_dim)).transpose(1, 2).flatten(0, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        B, T, _ = x.shape
        q, k, v = map(self.fold, self.qkv(x).tensor_split(3, dim=-1))
        hidden = torch.ones(T, T, device=x.device).triu(1).bool()
        scores = torch.bmm(q, k.mT) * (1 / math.sqrt(self.head_dim))
        weights = self.drop(scores.masked_fill(hidden, -1e9).softmax(-1))
        out = torch.bmm(weights, v).unflatten(0, (B, self.num_heads))
        return self.proj(out.movedim(1, 2).flatten(2))
