"""The norm itself carries a graph."""
# caught-by: test_grad_norm_leaves_no_trace
# advice: create_graph=True keeps the graph, but makes the norm part of it: a log of such norms holds every step in memory. retain_graph=True is enough.

import torch
from solution import *  # noqa: F403
from torch import Tensor


def grad_norm(loss: Tensor, params: list[Tensor]) -> Tensor:
    grads = torch.autograd.grad(loss, params, create_graph=True, allow_unused=True)
    return torch.stack([g.norm() for g in grads if g is not None]).norm()
