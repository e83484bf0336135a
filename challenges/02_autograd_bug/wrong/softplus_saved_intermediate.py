"""An intermediate of forward is saved and comes back as a constant."""
# caught-by: test_scaled_softplus_second_derivatives
# advice: sigmoid(beta * x) is computed inside forward, where nothing is recorded, so backward takes it for a constant. Save only inputs and outputs, and compute the slope in backward.

from typing import Any

import torch
import torch.nn.functional as F
from solution import *  # noqa: F403
from torch import Tensor


class ScaledSoftplus(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, beta: Tensor) -> Tensor:
        slope = torch.sigmoid(beta * x)
        ctx.save_for_backward(x, beta, slope)
        return F.softplus(beta * x) / beta

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, beta, slope = ctx.saved_tensors
        y = F.softplus(beta * x) / beta
        grad_beta = grad_output * (x * slope - y) / beta
        return grad_output * slope, grad_beta.sum_to_size(beta.shape)


def scaled_softplus(x, beta):
    return ScaledSoftplus.apply(x, beta)
