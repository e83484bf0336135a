"""retain_graph=True is taken for create_graph=True."""
# caught-by: test_gradient_penalty_trains_the_critic
# advice: retain_graph keeps the graph of the critic's values; it does not make one for the slopes. create_graph=True does.

from typing import Any

import torch
from solution import *  # noqa: F403
from torch import Tensor


def gradient_penalty(critic: Any, states: Tensor) -> Tensor:
    states = states.detach().requires_grad_()
    (slopes,) = torch.autograd.grad(critic(states).sum(), states, retain_graph=True)
    return (slopes.norm(dim=-1) - 1).square().mean()
