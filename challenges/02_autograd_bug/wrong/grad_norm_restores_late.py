""".grad is restored afterwards but not cleared before."""
# caught-by: test_grad_norm_leaves_no_trace
# advice: The caller gets its .grad back, but the norm was taken of old and new gradients together. torch.autograd.grad gives the new ones alone.

import torch
from solution import *  # noqa: F403
from torch import Tensor


def grad_norm(loss: Tensor, params: list[Tensor]) -> Tensor:
    saved = [None if p.grad is None else p.grad.clone() for p in params]
    loss.backward(retain_graph=True)
    norm = torch.stack([p.grad.norm() for p in params if p.grad is not None]).norm()
    for p, grad in zip(params, saved, strict=True):
        p.grad = grad
    return norm
