"""The gradient in beta lacks the factor 1 / beta."""
# caught-by: test_scaled_softplus_gradients
# advice: The gradient in beta of scaled_softplus is right only for beta = 1: differentiate log(1 + exp(beta * x)) / beta by the quotient rule; both terms carry 1 / beta.

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
        grad_beta = grad_output * (x * slope - y)
        return grad_output * slope, grad_beta.sum_to_size(beta.shape)


def scaled_softplus(x, beta):
    return ScaledSoftplus.apply(x, beta)
