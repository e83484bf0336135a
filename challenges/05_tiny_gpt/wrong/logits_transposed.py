"""The logits come as (B, V, T)."""
# caught-by: test_logits
# advice: Your logits have the vocabulary before the positions. Return (B, T, V); transpose for
# advice: cross_entropy in the loss only.

import solution
from solution import *
from torch import Tensor, nn


class GPT(solution.GPT):
    def forward(self, idx: Tensor) -> Tensor:
        return super().forward(idx).transpose(1, 2)


def build_model(vocab_size: int, max_seq_len: int) -> nn.Module:
    return GPT(vocab_size, max_seq_len)
