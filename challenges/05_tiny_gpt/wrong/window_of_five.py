"""Causal convolutions see five tokens."""
# caught-by: test_every_token_of_the_prefix_counts
# advice: Your model sees a fixed window of tokens. Facts stand up to 47 tokens back: attend to all
# advice: of them.

import torch.nn.functional as F
from solution import *
from torch import Tensor, nn


class ConvLM(nn.Module):
    def __init__(self, vocab_size: int) -> None:
        super().__init__()
        self.token_emb = nn.Embedding(vocab_size, EMBED_DIM)
        self.conv1 = nn.Conv1d(EMBED_DIM, EMBED_DIM, 3)
        self.conv2 = nn.Conv1d(EMBED_DIM, EMBED_DIM, 3)
        self.lm_head = nn.Linear(EMBED_DIM, vocab_size)

    def forward(self, idx: Tensor) -> Tensor:
        x = self.token_emb(idx).transpose(1, 2)  # (B, C, T)
        for conv in (self.conv1, self.conv2):
            x = x + F.gelu(conv(F.pad(x, (2, 0))))
        return self.lm_head(x.transpose(1, 2))


def build_model(vocab_size: int, max_seq_len: int) -> nn.Module:
    return ConvLM(vocab_size)
