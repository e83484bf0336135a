""".grad is cleared before and after measuring."""
# caught-by: test_grad_norm_leaves_no_trace
# advice: Clearing .grad makes the norm right and destroys what the caller had accumulated there. torch.autograd.grad needs no clearing.

import torch
from solution import *  # noqa: F403
from torch import Tensor


def grad_norm(loss: Tensor, params: list[Tensor]) -> Tensor:
    for p in params:
        p.grad = None
    loss.backward(retain_graph=True)
    norm = torch.stack([p.grad.norm() for p in params if p.grad is not None]).norm()
    for p in params:
        p.grad = None
    return norm
