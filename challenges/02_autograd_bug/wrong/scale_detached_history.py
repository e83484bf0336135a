"""Only the old mean is detached, so each step keeps its own graph."""
# caught-by: test_running_scale_is_a_constant
# caught-by: test_running_scale_can_be_copied
# caught-by: test_running_scale_frees_the_graph
# advice: Detaching the old mean cuts the chain of steps, but self.scale still holds the graph of the latest one and passes gradient to it. Detach the new magnitude as well.

import solution
from solution import *  # noqa: F403
from torch import Tensor


class RunningScale(solution.RunningScale):
    def __call__(self, x: Tensor) -> Tensor:
        magnitude = x.abs().mean()
        if self.scale is None:
            self.scale = magnitude
        else:
            self.scale = self.decay * self.scale.detach() + (1 - self.decay) * magnitude
        return x / (self.scale + self.eps)
