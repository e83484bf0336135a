"""The slope is kept as an attribute of ctx instead of in save_for_backward."""
# caught-by: test_scaled_softplus_second_derivatives
# advice: ctx.slope is a tensor without history, whichever way it is carried to backward. Compute the slope in backward from the saved inputs.

from typing import Any

import torch
import torch.nn.functional as F
from solution import *  # noqa: F403
from torch import Tensor


class ScaledSoftplus(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, beta: Tensor) -> Tensor:
        ctx.save_for_backward(x, beta)
        ctx.slope = torch.sigmoid(beta * x)
        return F.softplus(beta * x) / beta

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, beta = ctx.saved_tensors
        y = F.softplus(beta * x) / beta
        grad_beta = grad_output * (x * ctx.slope - y) / beta
        return grad_output * ctx.slope, grad_beta.sum_to_size(beta.shape)


def scaled_softplus(x, beta):
    return ScaledSoftplus.apply(x, beta)
