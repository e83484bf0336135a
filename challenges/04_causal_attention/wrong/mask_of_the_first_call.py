"""The mask of the first call is kept for all others."""
# caught-by: test_any_length
# caught-by: test_calls_leave_no_trace
# advice: You keep the mask of the first call, which fits no other length. Make it anew in each
# advice: call, or compare its size first.

import solution
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    mask: Tensor | None = None

    def future_mask(self, scores: Tensor) -> Tensor:
        if self.mask is None:
            self.mask = super().future_mask(scores)
        return self.mask
