"""Training ends after 150 steps, a few seconds."""
# caught-by: test_beats_the_best_ngram
# advice: Your loss was still falling when training ended. Use the seconds that you have.

import solution
from solution import *
from torch import Tensor, nn


def train(model: nn.Module, tokens: Tensor, device: torch.device, seconds: float) -> None:
    solution.NUM_STEPS = 100
    solution.train(model, tokens, device, seconds)
