"""Only the logits of the last position are returned."""
# caught-by: test_logits
# advice: You return logits for the last position only. A causal model predicts at every position at
# advice: once: (B, T, V).

import solution
from solution import *
from torch import Tensor, nn


class GPT(solution.GPT):
    def forward(self, idx: Tensor) -> Tensor:
        return super().forward(idx)[:, -1]


def build_model(vocab_size: int, max_seq_len: int) -> nn.Module:
    return GPT(vocab_size, max_seq_len)
