"""The graph is freed, so the caller cannot train on the loss."""
# caught-by: test_grad_norm_leaves_no_trace
# advice: Without retain_graph=True the measurement uses up the graph, and the caller's own backward fails. Measuring must leave the loss usable.

import torch
from solution import *  # noqa: F403
from torch import Tensor


def grad_norm(loss: Tensor, params: list[Tensor]) -> Tensor:
    grads = torch.autograd.grad(loss, params, allow_unused=True)
    return torch.stack([g.norm() for g in grads if g is not None]).norm()
