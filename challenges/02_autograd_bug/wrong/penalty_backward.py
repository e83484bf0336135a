"""The slopes are taken by backward(), which also writes to the critic's .grad."""
# caught-by: test_gradient_penalty_trains_the_critic
# advice: backward() inside the function adds the slopes' own gradients to every .grad of the critic. torch.autograd.grad(..., states, create_graph=True) touches none.

from typing import Any

from solution import *  # noqa: F403
from torch import Tensor


def gradient_penalty(critic: Any, states: Tensor) -> Tensor:
    states = states.detach().requires_grad_()
    critic(states).sum().backward(create_graph=True)
    return (states.grad.norm(dim=-1) - 1).square().mean()
