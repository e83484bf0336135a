"""A boolean mask in a buffer that grows with the longest input and is never saved."""

import math

import torch
from torch import Tensor, nn


class CausalSelfAttention(nn.Module):
    """Keep one lower triangle; cut what a call needs from its corner."""

    visible: Tensor

    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.1) -> None:
        super().__init__()
        if num_heads < 1 or embed_dim % num_heads:
            raise ValueError(f"num_heads={num_heads} must divide embed_dim={embed_dim}")
        self.num_heads = num_heads
        self.scale = 1.0 / math.sqrt(embed_dim // num_heads)
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim, bias=False)
        self.proj = nn.Linear(embed_dim, embed_dim)
        self.drop = nn.Dropout(dropout)
        self.register_buffer("visible", self._triangle(16), persistent=False)

    @staticmethod
    def _triangle(size: int, device: torch.device | None = None) -> Tensor:
        return torch.ones(size, size, dtype=torch.bool, device=device).tril()

    def _mask(self, length: int, device: torch.device) -> Tensor:
        """(T, T) bool, True where key s may be seen from query t."""
        if length > self.visible.shape[0] or self.visible.device != device:
            size = max(length, 2 * self.visible.shape[0])
            self.visible = self._triangle(size, device)
        return self.visible[:length, :length]

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        qkv = self.qkv(x).unflatten(-1, (3, self.num_heads, -1))  # (B, T, 3, H, D)
        q, k, v = qkv.transpose(1, 3).unbind(dim=2)  # each (B, H, T, D)
        scores = self.scale * q @ k.mT
        scores = scores.masked_fill(~self._mask(x.shape[1], x.device), -math.inf)
        out = self.drop(torch.softmax(scores, dim=-1)) @ v
        return self.proj(out.transpose(1, 2).flatten(start_dim=2))
