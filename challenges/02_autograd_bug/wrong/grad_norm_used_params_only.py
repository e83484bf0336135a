"""A parameter that the loss does not use raises an error."""
# caught-by: test_grad_norm_same_twice
# advice: torch.autograd.grad raises for a parameter that the loss does not use, unless allow_unused=True; it then returns None for it, which counts as zero.

import torch
from solution import *  # noqa: F403
from torch import Tensor


def grad_norm(loss: Tensor, params: list[Tensor]) -> Tensor:
    grads = torch.autograd.grad(loss, params, retain_graph=True)
    return torch.stack([g.norm() for g in grads]).norm()
