"""The losses are turned into numbers and back."""
# caught-by: test_combine_losses_gradients
# advice: item() and torch.tensor(...) copy numbers and leave the history behind: no loss is trained. torch.stack keeps the graph.

import torch
from solution import *  # noqa: F403
from torch import Tensor


def combine_losses(losses: list[Tensor], log_vars: Tensor) -> Tensor:
    stacked = log_vars.new_tensor([loss.item() for loss in losses])
    return (torch.exp(-log_vars) * stacked + log_vars).sum()
