"""The model returns probabilities, and cross_entropy takes their softmax again."""
# caught-by: test_beats_the_best_ngram
# advice: Your model ends in a softmax, so its "logits" lie in 0..1 and can never be sure. Return
# advice: the output of the last linear layer.

import solution
from solution import *
from torch import Tensor, nn


class GPT(solution.GPT):
    def forward(self, idx: Tensor) -> Tensor:
        return super().forward(idx).softmax(dim=-1)


def build_model(vocab_size: int, max_seq_len: int) -> nn.Module:
    return GPT(vocab_size, max_seq_len)


def train(model: nn.Module, tokens: Tensor, device: torch.device, seconds: float) -> None:
    solution.NUM_STEPS = 200
    solution.train(model, tokens, device, seconds)
