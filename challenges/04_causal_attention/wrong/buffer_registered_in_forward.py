"""forward registers its mask as a persistent buffer."""
# caught-by: test_calls_leave_no_trace
# advice: forward adds a buffer to the state_dict, so a checkpoint depends on the last input. Use a
# advice: local variable, or persistent=False.

import solution
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    def future_mask(self, scores: Tensor) -> Tensor:
        self.register_buffer("mask", super().future_mask(scores))
        return self.mask
