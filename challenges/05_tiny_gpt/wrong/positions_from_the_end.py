"""Positions are counted from the end of the input."""
# caught-by: test_any_length
# advice: Your positions count back from the last token, so they shift with each token added. Count
# advice: from the start: 0..T-1.

import solution
import torch
from solution import *
from torch import Tensor, nn


class GPT(solution.GPT):
    def forward(self, idx: Tensor) -> Tensor:
        positions = torch.arange(idx.size(1), device=idx.device).flip(0)
        x = self.token_emb(idx) + self.pos_emb(positions)
        return self.lm_head(self.norm(self.blocks(x)))


def build_model(vocab_size: int, max_seq_len: int) -> nn.Module:
    return GPT(vocab_size, max_seq_len)
