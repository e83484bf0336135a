"""clone() is used where detach() is meant."""
# caught-by: test_td_loss_gradients
# advice: clone() copies the numbers and stays in the graph. detach() is what makes the target a constant.

from solution import *  # noqa: F403
from torch import Tensor


def td_loss(values: Tensor, rewards: Tensor, dones: Tensor, gamma: float) -> Tensor:
    alive = (~dones).to(values.dtype)
    targets = (rewards + gamma * alive * values[:, 1:]).clone()
    return 0.5 * (values[:, :-1] - targets).square().mean()
