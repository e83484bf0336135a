"""requires_grad=True is put on a tensor built from numbers."""
# caught-by: test_combine_losses_gradients
# advice: requires_grad=True makes a new leaf; it does not bring the history of the losses back. Use torch.stack.

import torch
from solution import *  # noqa: F403
from torch import Tensor


def combine_losses(losses: list[Tensor], log_vars: Tensor) -> Tensor:
    stacked = torch.tensor(
        [float(loss) for loss in losses], dtype=log_vars.dtype, requires_grad=True
    )
    return (torch.exp(-log_vars) * stacked + log_vars).sum()
