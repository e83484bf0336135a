"""The signal itself is detached."""
# caught-by: test_running_scale_is_a_constant
# advice: You detached x for the division too, so nothing is trained through RunningScale. Only its magnitude is a constant.

import solution
from solution import *  # noqa: F403
from torch import Tensor


class RunningScale(solution.RunningScale):
    def __call__(self, x: Tensor) -> Tensor:
        return super().__call__(x.detach())
