"""The model returns log-probabilities, normalised over the wrong dim."""
# caught-by: test_future_tokens_do_not_reach_the_past
# advice: You normalise over the positions, so each logit depends on all of them. Return logits, or
# advice: take log_softmax(dim=-1).

import solution
from solution import *
from torch import Tensor, nn


class GPT(solution.GPT):
    def forward(self, idx: Tensor) -> Tensor:
        return super().forward(idx).log_softmax(dim=1)


def build_model(vocab_size: int, max_seq_len: int) -> nn.Module:
    return GPT(vocab_size, max_seq_len)
