"""forward returns a tuple of logits and loss."""
# caught-by: test_logits
# advice: Your forward returns a tuple. Return the logits alone and compute the loss in train.

import solution
from solution import *
from torch import Tensor, nn


class GPT(solution.GPT):
    def forward(self, idx: Tensor, targets: Tensor | None = None) -> tuple[Tensor, None]:
        return super().forward(idx), None


def build_model(vocab_size: int, max_seq_len: int) -> nn.Module:
    return GPT(vocab_size, max_seq_len)
