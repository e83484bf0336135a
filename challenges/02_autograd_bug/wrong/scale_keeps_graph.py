"""The running mean keeps the graph of every step."""
# caught-by: test_running_scale_is_a_constant
# caught-by: test_running_scale_can_be_copied
# caught-by: test_running_scale_frees_the_graph
# advice: The running mean is computed with its graph: gradients flow into it, and every earlier step stays in memory. Detach the magnitude before it enters the mean.

import solution
from solution import *  # noqa: F403
from torch import Tensor


class RunningScale(solution.RunningScale):
    def __call__(self, x: Tensor) -> Tensor:
        magnitude = x.abs().mean()
        if self.scale is None:
            self.scale = magnitude
        else:
            self.scale = self.decay * self.scale + (1 - self.decay) * magnitude
        return x / (self.scale + self.eps)
