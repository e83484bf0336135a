"""train works on a copy of the model and returns that."""
# caught-by: test_training_beats_the_unigram
# advice: train left the model that it was given untouched. Train that one in place; a returned
# advice: model is ignored.

import copy

import solution
from solution import *
from torch import Tensor, nn


def train(model: nn.Module, tokens: Tensor, device: torch.device, seconds: float) -> nn.Module:
    solution.NUM_STEPS = 20
    best = copy.deepcopy(model)
    solution.train(best, tokens, device, seconds)
    return best
