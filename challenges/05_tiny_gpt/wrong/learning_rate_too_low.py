"""A learning rate of 1e-5."""
# caught-by: test_training_beats_the_unigram
# advice: The loss falls, but far too slowly. Raise the learning rate: for a net this small AdamW
# advice: takes 1e-3 and more.

import solution
from solution import *
from torch import Tensor, nn


def train(model: nn.Module, tokens: Tensor, device: torch.device, seconds: float) -> None:
    solution.LEARNING_RATE, solution.NUM_STEPS = 1e-5, 150
    solution.train(model, tokens, device, seconds)
