"""x is taken for (T, B, C)."""
# caught-by: test_samples_do_not_mix
# advice: You attend along the batch. x is (B, T, C), as with batch_first=True: T is the second
# advice: dimension.

import solution
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.transpose(0, 1)).transpose(0, 1)
