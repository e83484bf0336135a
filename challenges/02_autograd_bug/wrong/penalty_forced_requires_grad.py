"""requires_grad_() silences the missing graph."""
# caught-by: test_gradient_penalty_trains_the_critic
# advice: requires_grad_() on the penalty makes backward() run, but it starts and ends at the penalty itself: the critic gets nothing. Use create_graph=True.

from typing import Any

import torch
from solution import *  # noqa: F403
from torch import Tensor


def gradient_penalty(critic: Any, states: Tensor) -> Tensor:
    states = states.detach().requires_grad_()
    (slopes,) = torch.autograd.grad(critic(states).sum(), states)
    return (slopes.norm(dim=-1) - 1).square().mean().requires_grad_()
