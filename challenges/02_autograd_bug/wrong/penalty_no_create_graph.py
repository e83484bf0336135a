"""The slopes are taken without a graph of their own."""
# caught-by: test_gradient_penalty_trains_the_critic
# advice: The slopes come without a graph, so the penalty is a constant for the critic. autograd.grad needs create_graph=True to be differentiated again.

from typing import Any

import torch
from solution import *  # noqa: F403
from torch import Tensor


def gradient_penalty(critic: Any, states: Tensor) -> Tensor:
    states = states.detach().requires_grad_()
    (slopes,) = torch.autograd.grad(critic(states).sum(), states)
    return (slopes.norm(dim=-1) - 1).square().mean()
