"""The targets are the inputs themselves."""
# caught-by: test_training_beats_the_unigram
# advice: Your targets are not shifted: the model learns to repeat its input. Compare logits[:, :-1]
# advice: with tokens[:, 1:].

import solution
import torch.nn.functional as F
from solution import *
from torch import Tensor, nn


def same_token_loss(model: nn.Module, tokens: Tensor) -> Tensor:
    return F.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten())


def train(model: nn.Module, tokens: Tensor, device: torch.device, seconds: float) -> None:
    solution.next_token_loss = same_token_loss
    solution.NUM_STEPS = 100
    solution.train(model, tokens, device, seconds)
