"""Every product an einsum; no axis is ever transposed."""

import torch
from torch import Tensor, nn


class CausalSelfAttention(nn.Module):
    """b: sample, t: query, s: key, h: head, d: feature of a head."""

    def __init__(self, embed_dim: int, num_heads: int, dropout: float = 0.1) -> None:
        super().__init__()
        if num_heads < 1 or embed_dim % num_heads:
            raise ValueError(f"{embed_dim} features do not make {num_heads} equal heads")
        self.num_heads = num_heads
        self.dropout = dropout
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim, bias=False)
        self.proj = nn.Linear(embed_dim, embed_dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        qkv = self.qkv(x).unflatten(-1, (3, self.num_heads, -1))
        q, k, v = qkv.unbind(dim=2)  # each (b, t, h, d)
        scores = torch.einsum("bthd,bshd->bhts", q, k) * q.shape[-1] ** -0.5
        t = torch.arange(x.shape[1], device=x.device)
        scores = scores.masked_fill(t[None, :] > t[:, None], float("-inf"))
        weights = torch.log_softmax(scores, dim=-1).exp()
        weights = nn.functional.dropout(weights, self.dropout, self.training)
        heads = torch.einsum("bhts,bshd->bthd", weights, v)
        weight = self.proj.weight.unflatten(-1, (self.num_heads, -1))  # (c, h, d)
        return torch.einsum("bthd,chd->btc", heads, weight) + self.proj.bias
