"""The result is written into the input's memory where no gradient is asked for."""
# caught-by: test_input_stays_as_it_was
# advice: You write the result into x to save memory, but x is the caller's: whoever adds it to your
# advice: result, as every residual connection does, adds something else.

import solution
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return y if x.requires_grad or x.is_meta else x.copy_(y)
