"""The scale is detached for the next step, after this step has used it."""
# caught-by: test_running_scale_is_a_constant
# advice: Earlier steps are free now, but this step's gradient still flows through its own magnitude. Detach before the division.

import solution
from solution import *  # noqa: F403
from torch import Tensor


class RunningScale(solution.RunningScale):
    def __call__(self, x: Tensor) -> Tensor:
        magnitude = x.abs().mean()
        if self.scale is not None:
            magnitude = self.decay * self.scale + (1 - self.decay) * magnitude
        self.scale = magnitude.detach()
        return x / (magnitude + self.eps)
