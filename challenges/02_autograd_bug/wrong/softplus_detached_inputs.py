"""backward works on detached copies of the inputs."""
# caught-by: test_scaled_softplus_second_derivatives
# advice: backward computes with x.detach() and beta.detach(), so its result does not depend on them for autograd. Use the saved tensors as they are.

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
        x, beta = x.detach(), beta.detach()
        slope = torch.sigmoid(beta * x)
        y = F.softplus(beta * x) / beta
        grad_beta = grad_output * (x * slope - y) / beta
        return grad_output * slope, grad_beta.sum_to_size(beta.shape)


def scaled_softplus(x, beta):
    return ScaledSoftplus.apply(x, beta)
