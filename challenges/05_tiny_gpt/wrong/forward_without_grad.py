"""forward runs under no_grad."""
# caught-by: test_logits_have_a_graph
# caught-by: test_training_beats_the_unigram
# advice: Your forward is decorated with torch.no_grad, so there is nothing to train. Leave that to
# advice: whoever evaluates.

import solution
import torch
from solution import *
from torch import Tensor, nn


class GPT(solution.GPT):
    @torch.no_grad()
    def forward(self, idx: Tensor) -> Tensor:
        return super().forward(idx)


def build_model(vocab_size: int, max_seq_len: int) -> nn.Module:
    return GPT(vocab_size, max_seq_len)
