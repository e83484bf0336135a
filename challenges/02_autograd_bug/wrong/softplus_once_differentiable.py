"""backward is declared to be differentiable only once."""
# caught-by: test_scaled_softplus_second_derivatives
# advice: once_differentiable turns a wrong second derivative into an error; the contract asks for a right one. Remove it and compute everything in backward from the saved inputs.

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
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, Tensor]:
        x, beta = ctx.saved_tensors
        slope = torch.sigmoid(beta * x)
        y = F.softplus(beta * x) / beta
        grad_beta = grad_output * (x * slope - y) / beta
        return grad_output * slope, grad_beta.sum_to_size(beta.shape)


def scaled_softplus(x, beta):
    return ScaledSoftplus.apply(x, beta)
