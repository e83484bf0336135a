"""The optimizer is given the parameters of the last layer only."""
# caught-by: test_beats_the_best_ngram
# advice: Only the last layer learns. Give the optimizer model.parameters(), and freeze nothing.

import solution
from solution import *
from torch import Tensor, nn


def train(model: nn.Module, tokens: Tensor, device: torch.device, seconds: float) -> None:
    for parameter in (*model.blocks.parameters(), *model.token_emb.parameters()):
        parameter.requires_grad_(False)
    solution.NUM_STEPS = 150
    solution.train(model, tokens, device, seconds)
