"""The gradient in beta is averaged over the batch."""
# caught-by: test_scaled_softplus_gradients
# advice: A broadcast tensor is used once per row, so its gradient is the sum over the rows. backward takes the mean; averaging is the loss's business.

from typing import Any

import torch
import torch.nn.functional as F
from solution import *  # noqa: F403
from torch import Tensor


class ScaledSoftplus(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, beta: Tensor) -> Tensor:
        ctx.save_for_backward(x, beta)
        return F.softplus(beta * x) / beta

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, beta = ctx.saved_tensors
        slope = torch.sigmoid(beta * x)
        y = F.softplus(beta * x) / beta
        grad_beta = grad_output * (x * slope - y) / beta
        return grad_output * slope, grad_beta.mean(dim=0)


def scaled_softplus(x, beta):
    return ScaledSoftplus.apply(x, beta)
