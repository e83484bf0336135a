"""Gradients are never set to zero."""
# caught-by: test_beats_the_best_ngram
# advice: Gradients of all earlier steps are still in .grad. Call optimizer.zero_grad() in every
# advice: step.

import solution
import torch
from solution import *
from torch import Tensor, nn


class NeverZeroed(torch.optim.AdamW):
    def zero_grad(self, set_to_none: bool = True) -> None:
        pass


def train(model: nn.Module, tokens: Tensor, device: torch.device, seconds: float) -> None:
    solution.torch.optim.AdamW = NeverZeroed
    solution.NUM_STEPS = 100
    solution.train(model, tokens, device, seconds)
