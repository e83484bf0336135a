"""Training ends after 250 steps, a few seconds."""
# caught-by: test_reaches_the_target
# advice: Your loss was still falling when training ended. Use the seconds that you have.

import solution
from solution import *
from torch import Tensor, nn


def train(model: nn.Module, tokens: Tensor, device: torch.device, seconds: float) -> None:
    solution.NUM_STEPS = 250
    solution.train(model, tokens, device, seconds)
