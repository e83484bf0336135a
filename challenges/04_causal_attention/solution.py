"""Causal multi-head self-attention, written out step by step."""

import math

import torch
from torch import Tensor, nn


class CausalSelfAttention(nn.Module):
    """Multi-head self-attention in which position t attends to positions 0..t.

    Shapes: B samples, T positions, C = embed_dim, H = num_heads, D = C / H features per head.
    """

    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.1) -> None:
        super().__init__()
        # A negative divisor passes the modulo test and zero would raise ZeroDivisionError.
        if num_heads < 1 or embed_dim % num_heads != 0:
            raise ValueError(f"num_heads={num_heads} must be a positive divisor of {embed_dim=}")
        self.num_heads = num_heads
        self.head_dim = embed_dim // num_heads
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim, bias=False)
        self.proj = nn.Linear(embed_dim, embed_dim)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Map x (B, T, C) to (B, T, C); the output at t depends on x[:, : t + 1] only."""
        q, k, v = self.qkv(x).chunk(3, dim=-1)  # three times (B, T, C)
        q, k, v = self.split_heads(q), self.split_heads(k), self.split_heads(v)  # (B, H, T, D)
        weights = self.dropout(self.attention_weights(q, k))  # (B, H, T, T)
        context = weights @ v  # (B, H, T, D)
        return self.proj(self.merge_heads(context))  # (B, T, C)

    def split_heads(self, x: Tensor) -> Tensor:
        """Turn (B, T, C) into (B, H, T, D): head h owns features h * D .. (h + 1) * D - 1."""
        x = x.unflatten(-1, (self.num_heads, self.head_dim))  # (B, T, H, D)
        return x.transpose(1, 2)  # (B, H, T, D)

    def merge_heads(self, x: Tensor) -> Tensor:
        """Undo split_heads: (B, H, T, D) becomes (B, T, C)."""
        return x.transpose(1, 2).flatten(2)  # (B, T, H, D) -> (B, T, C)

    def attention_weights(self, q: Tensor, k: Tensor) -> Tensor:
        """Return softmax(q k^T / sqrt(D)) over the visible keys, (B, H, T, T)."""
        scores = q @ k.transpose(-2, -1) / math.sqrt(self.head_dim)  # (B, H, T queries, T keys)
        scores = scores.masked_fill(self.future_mask(scores), -math.inf)
        return scores.softmax(dim=-1)  # each query's weights sum to 1

    def future_mask(self, scores: Tensor) -> Tensor:
        """Return (T, T) booleans on the device of the scores, True where key > query."""
        seq_len = scores.size(-1)
        ones = torch.ones(seq_len, seq_len, dtype=torch.bool, device=scores.device)
        return ones.triu(diagonal=1)
