"""The gradient in beta is summed over everything, as if beta were always a scalar."""
# caught-by: test_scaled_softplus_gradients
# caught-by: test_scaled_softplus_second_derivatives
# advice: The gradient of beta must have the shape of beta: sum only over the dimensions that were broadcast (grad.sum_to_size(beta.shape)), not over all of them.

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
        return grad_output * slope, grad_beta.sum()


def scaled_softplus(x, beta):
    return ScaledSoftplus.apply(x, beta)
