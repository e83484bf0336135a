"""The softmax written out, over scores in which the future is -inf."""

import torch
from torch import Tensor, nn


class CausalSelfAttention(nn.Module):
    """Subtract the largest visible score, exponentiate, divide by the sum."""

    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.1) -> None:
        super().__init__()
        if num_heads < 1 or embed_dim % num_heads:
            raise ValueError(f"num_heads={num_heads} is no positive divisor of {embed_dim}")
        self.num_heads = num_heads
        self.head_dim = embed_dim // num_heads
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim, bias=False)
        self.proj = nn.Linear(embed_dim, embed_dim)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        B, T, C = x.shape
        qkv = self.qkv(x).view(B, T, 3, self.num_heads, self.head_dim)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, H, T, D)
        scores = torch.matmul(q / self.head_dim**0.5, k.mT)  # (B, H, T, T)
        steps = torch.arange(T, device=x.device)
        future = steps.unsqueeze(0) > steps.unsqueeze(1)  # (T, T), keys in columns
        scores = torch.where(future, float("-inf"), scores)
        powers = (scores - scores.amax(dim=-1, keepdim=True).detach()).exp()
        weights = powers / powers.sum(dim=-1, keepdim=True)
        merged = torch.matmul(self.drop(weights), v).transpose(1, 2).reshape(B, T, C)
        return self.proj(merged)
