"""The target is not detached."""
# caught-by: test_td_loss_gradients
# advice: td_loss also moves the target towards the prediction: the value inside the target needs a detach().

from solution import *  # noqa: F403
from torch import Tensor


def td_loss(values: Tensor, rewards: Tensor, dones: Tensor, gamma: float) -> Tensor:
    alive = (~dones).to(values.dtype)
    targets = rewards + gamma * alive * values[:, 1:]
    return 0.5 * (values[:, :-1] - targets).square().mean()
