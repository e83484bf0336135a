"""Functional dropout is called without training=."""
# caught-by: test_logits
# advice: Your dropout also acts in eval mode. F.dropout needs training=self.training; nn.Dropout
# advice: knows by itself.

import solution
import torch.nn.functional as F
from solution import *
from torch import Tensor, nn


class Block(solution.Block):
    def forward(self, x: Tensor) -> Tensor:
        return F.dropout(super().forward(x), 0.1)


def build_model(vocab_size: int, max_seq_len: int) -> nn.Module:
    model = solution.GPT(vocab_size, max_seq_len)
    model.blocks = nn.Sequential(Block(EMBED_DIM, NUM_HEADS), Block(EMBED_DIM, NUM_HEADS))
    return model
