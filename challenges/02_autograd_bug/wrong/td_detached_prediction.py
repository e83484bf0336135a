"""The prediction is detached instead of the target."""
# caught-by: test_td_loss_gradients
# advice: You detached the prediction: now only the target is trained, away from where it should go. Detach the target.

from solution import *  # noqa: F403
from torch import Tensor


def td_loss(values: Tensor, rewards: Tensor, dones: Tensor, gamma: float) -> Tensor:
    alive = (~dones).to(values.dtype)
    targets = rewards + gamma * alive * values[:, 1:]
    return 0.5 * (values[:, :-1].detach() - targets).square().mean()
