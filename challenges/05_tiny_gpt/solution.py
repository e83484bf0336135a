"""Challenge 05, worked solution: a plain GPT, and a training loop that plans by the clock."""

import math
import time

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EMBED_DIM = 64
NUM_HEADS = 2
NUM_LAYERS = 2

BATCH_SIZE = 16
LEARNING_RATE = 3e-3
WARM_UP_STEPS = 50
NUM_STEPS = 1200
TIME_SHARE = 0.85  # of the seconds allowed: slow cores make fewer steps, not a longer run
HOLD = 0.5  # part of the schedule before the learning rate starts to fall


class CausalSelfAttention(nn.Module):
    """Multi-head self-attention in which position t attends to positions 0..t."""

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv = nn.Linear(embed_dim, 3 * embed_dim, bias=False)
        self.proj = nn.Linear(embed_dim, embed_dim)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        qkv = self.qkv(x).unflatten(-1, (3, self.num_heads, -1))  # (B, T, 3, H, D)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)  # (B, H, T, D) each
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)  # (B, H, T, D)
        return self.proj(y.transpose(1, 2).flatten(2))  # (B, T, C)


class Block(nn.Module):
    """Attention, then an MLP; each normalised before and added to its input."""

    def __init__(self, embed_dim: int, num_heads: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(embed_dim)
        self.attn = CausalSelfAttention(embed_dim, num_heads)
        self.norm2 = nn.LayerNorm(embed_dim)
        self.mlp = nn.Sequential(
            nn.Linear(embed_dim, 4 * embed_dim), nn.GELU(), nn.Linear(4 * embed_dim, embed_dim)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, C) -> (B, T, C)."""
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    """Decoder-only transformer with learned positions; the rest is initialised by PyTorch."""

    def __init__(self, vocab_size: int, max_seq_len: int) -> None:
        super().__init__()
        self.token_emb = nn.Embedding(vocab_size, EMBED_DIM)
        self.pos_emb = nn.Embedding(max_seq_len, EMBED_DIM)
        # Smaller than the tokens, so that what a token is counts more at first than where it is.
        nn.init.normal_(self.pos_emb.weight, std=0.3)
        self.blocks = nn.Sequential(*(Block(EMBED_DIM, NUM_HEADS) for _ in range(NUM_LAYERS)))
        self.norm = nn.LayerNorm(EMBED_DIM)
        self.lm_head = nn.Linear(EMBED_DIM, vocab_size, bias=False)

    def forward(self, idx: Tensor) -> Tensor:
        """Token ids (B, T) -> logits (B, T, V)."""
        positions = torch.arange(idx.size(1), device=idx.device)  # (T,)
        x = self.token_emb(idx) + self.pos_emb(positions)  # (B, T, C)
        return self.lm_head(self.norm(self.blocks(x)))  # (B, T, V)


def build_model(vocab_size: int, max_seq_len: int) -> nn.Module:
    """Return an untrained GPT with about 100,000 parameters."""
    return GPT(vocab_size, max_seq_len)


def train(model: nn.Module, tokens: Tensor, device: torch.device, seconds: float) -> None:
    """Train the model in place on stories (N, T), within `seconds` on slow cores too."""
    started = time.perf_counter()
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, fused=True)
    for step in range(1, NUM_STEPS + 1):
        progress = max(step / NUM_STEPS, (time.perf_counter() - started) / (TIME_SHARE * seconds))
        if progress > 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, progress)
        rows = torch.randint(len(tokens), (BATCH_SIZE,), device=device)
        loss = next_token_loss(model, tokens[rows])
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 25 == 0:
            print(f"step {step} loss {loss.item():.3f}", flush=True)


def learning_rate(step: int, progress: float) -> float:
    """Warm up, hold, then fall to zero along half a cosine wave."""
    falling = max(0.0, progress - HOLD) / (1 - HOLD)  # 0 while held, 1 at the end
    return LEARNING_RATE * min(1.0, step / WARM_UP_STEPS) * (1 + math.cos(math.pi * falling)) / 2


def next_token_loss(model: nn.Module, tokens: Tensor) -> Tensor:
    """Mean cross-entropy of tokens 1..T-1 given those before each: (B, T) -> ()."""
    logits = model(tokens[:, :-1])  # (B, T-1, V): position t predicts token t + 1
    targets = tokens[:, 1:]  # (B, T-1)
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())
