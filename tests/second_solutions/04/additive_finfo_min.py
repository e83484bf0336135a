"""An additive mask of zeros and of the most negative number of the dtype."""

import math

import torch
from torch import Tensor, nn


class CausalSelfAttention(nn.Module):
    """The mask is added to the scores, as in the older implementations of GPT."""

    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.1) -> None:
        super().__init__()
        if num_heads < 1 or embed_dim % num_heads:
            raise ValueError(f"cannot cut {embed_dim} features into {num_heads} heads")
        self.num_heads = num_heads
        self.head_dim = embed_dim // num_heads
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim, bias=False)
        self.proj = nn.Linear(embed_dim, embed_dim)
        self.attention_dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        B, T, C = x.shape
        shape = (B, T, self.num_heads, self.head_dim)
        q, k, v = (t.reshape(shape).transpose(1, 2) for t in self.qkv(x).split(C, dim=-1))
        lowest = torch.finfo(x.dtype).min
        mask = torch.full((T, T), lowest, dtype=x.dtype, device=x.device).triu(diagonal=1)
        scores = q @ k.transpose(-2, -1) / math.sqrt(self.head_dim) + mask
        weights = self.attention_dropout(scores.softmax(dim=-1))
        return self.proj((weights @ v).transpose(1, 2).reshape(B, T, C))
