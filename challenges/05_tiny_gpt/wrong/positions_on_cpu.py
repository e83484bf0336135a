"""The positions are made on the CPU, wherever the model is."""
# caught-by: test_every_device
# advice: torch.arange makes a CPU tensor. Pass device=idx.device, or the model works on the CPU
# advice: only.

import solution
import torch
from solution import *
from torch import Tensor, nn


class GPT(solution.GPT):
    def forward(self, idx: Tensor) -> Tensor:
        distance = torch.arange(idx.size(1), dtype=torch.float32) / 10_000
        x = self.token_emb(idx) + self.pos_emb.weight[: idx.size(1)]
        x = x * (1 + distance.unsqueeze(1))
        return self.lm_head(self.norm(self.blocks(x)))


def build_model(vocab_size: int, max_seq_len: int) -> nn.Module:
    return GPT(vocab_size, max_seq_len)
