"""A GPT whose tokens remember their two predecessors, with rotary positions and OneCycle.

Looking a fact up ("ada ... ?") takes two steps: find the name, then read what came after it. Here
the first step needs no attention: before the blocks, every token is mixed with the two before it.
"""

import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTH, DEPTH, HEADS = 72, 2, 3
BATCH, TICKS, PEAK = 32, 900, 4e-3


def rotate(x: Tensor) -> Tensor:
    """Rotary positions: turn the feature pairs of x (B, H, T, D) by angles that grow with t."""
    T, D = x.shape[-2:]
    pairs = torch.arange(D // 2, device=x.device, dtype=x.dtype)
    steps = torch.arange(T, device=x.device, dtype=x.dtype)
    angles = torch.outer(steps, 100.0 ** (-2 * pairs / D))  # (T, D / 2)
    cos, sin = angles.cos(), angles.sin()
    a, b = x.chunk(2, dim=-1)
    return torch.cat((a * cos - b * sin, a * sin + b * cos), dim=-1)


class ShortMemory(nn.Module):
    """Add to every token the two before it, each feature with a weight of its own."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.randn(2, width))

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        T = x.shape[1]
        padded = F.pad(x, (0, 0, 2, 0))  # two positions of zeros before the first token
        return x + self.weights[0] * padded[:, 1 : T + 1] + self.weights[1] * padded[:, :T]


class Block(nn.Module):
    """Attention and a GELU MLP, both reading the same normalised input, as in GPT-J."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width, bias=False)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def attend(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C), causally."""
        qkv = self.qkv(x).unflatten(-1, (3, self.heads, -1))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # each (B, H, T, D)
        y = F.scaled_dot_product_attention(rotate(q), rotate(k), v, is_causal=True)
        return self.proj(y.transpose(1, 2).flatten(2))

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        y = self.norm(x)
        return x + self.attend(y) + self.mlp(y)


class GPT(nn.Module):
    """Embedding, short memory, blocks, norm, logits."""

    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocab_size, WIDTH)
        self.memory = ShortMemory(WIDTH)
        self.blocks = nn.ModuleList(Block(WIDTH, HEADS) for _ in range(DEPTH))
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, vocab_size)

    def forward(self, idx: Tensor) -> Tensor:
        """Token ids (B, T) -> logits (B, T, V)."""
        x = self.memory(self.embedding(idx))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def build_model(vocab_size: int, max_seq_len: int) -> nn.Module:
    """Return an untrained model; rotary positions set no longest length."""
    return GPT(vocab_size)


def train(model: nn.Module, tokens: Tensor, device: torch.device, seconds: float) -> None:
    """AdamW with OneCycle, whose ticks go by steps or by the clock, whichever is further."""
    start = time.monotonic()
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=PEAK, total_steps=TICKS + 1, pct_start=0.15, cycle_momentum=False
    )
    tick = step = 0
    while tick < TICKS:
        rows = torch.randint(len(tokens), (BATCH,), device=device)
        story = tokens[rows]
        loss = F.cross_entropy(model(story[:, :-1]).transpose(1, 2), story[:, 1:])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 25 == 0:
            print(f"step {step} loss {loss.item():.3f}", flush=True)
        step += 1
        by_clock = int(TICKS * (time.monotonic() - start) / (0.8 * seconds))
        for _ in range(min(max(step, by_clock), TICKS) - tick):
            schedule.step()
            tick += 1
