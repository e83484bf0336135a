"""Prediction and target are both detached."""
# caught-by: test_td_loss_gradients
# advice: Both sides of the error are detached, so nothing is trained. Only the target is a constant.

from solution import *  # noqa: F403
from torch import Tensor


def td_loss(values: Tensor, rewards: Tensor, dones: Tensor, gamma: float) -> Tensor:
    values = values.detach()
    alive = (~dones).to(values.dtype)
    targets = rewards + gamma * alive * values[:, 1:]
    return 0.5 * (values[:, :-1] - targets).square().mean().requires_grad_()
