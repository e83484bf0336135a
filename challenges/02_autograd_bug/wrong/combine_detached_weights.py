"""The learned weights are detached."""
# caught-by: test_combine_losses_gradients
# advice: exp(-log_vars) is learned: detached, the log-variances see only their own penalty and fall without end.

import torch
from solution import *  # noqa: F403
from torch import Tensor


def combine_losses(losses: list[Tensor], log_vars: Tensor) -> Tensor:
    stacked = torch.stack(list(losses))
    return (torch.exp(-log_vars).detach() * stacked + log_vars).sum()
