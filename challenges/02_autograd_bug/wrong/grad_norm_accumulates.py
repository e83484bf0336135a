"""backward() adds to whatever .grad already holds."""
# caught-by: test_grad_norm_same_twice
# caught-by: test_grad_norm_leaves_no_trace
# advice: loss.backward() adds to .grad, so the norm includes earlier gradients and the next optimizer step includes the measurement. torch.autograd.grad returns gradients without touching .grad.

import torch
from solution import *  # noqa: F403
from torch import Tensor


def grad_norm(loss: Tensor, params: list[Tensor]) -> Tensor:
    loss.backward(retain_graph=True)
    return torch.stack([p.grad.norm() for p in params if p.grad is not None]).norm()
