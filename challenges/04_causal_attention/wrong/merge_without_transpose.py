"""The heads are merged without moving T back before H."""
# caught-by: test_heads_are_contiguous_and_separate
# caught-by: test_output_depends_on_the_past_and_never_on_the_future
# advice: You reshape (B, H, T, D) straight to (B, T, C), which mixes positions. Transpose to (B, T,
# advice: H, D) first.

import solution
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    def merge_heads(self, x: Tensor) -> Tensor:
        B, _, T, _ = x.shape
        return x.reshape(B, T, -1)
