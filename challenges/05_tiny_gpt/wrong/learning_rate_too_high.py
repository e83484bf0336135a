"""A learning rate ten times too high."""
# caught-by: test_beats_the_best_ngram
# advice: The loss jumps down at once and then stays where it is. Lower the learning rate.

import solution
from solution import *
from torch import Tensor, nn


def train(model: nn.Module, tokens: Tensor, device: torch.device, seconds: float) -> None:
    solution.LEARNING_RATE, solution.NUM_STEPS = 3e-2, 150
    solution.train(model, tokens, device, seconds)
