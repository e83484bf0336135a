"""Head h takes every H-th feature."""
# caught-by: test_heads_are_contiguous_and_separate
# advice: Your head h owns features h, h + H, h + 2H, ... Heads are contiguous: split C into (H, D),
# advice: not (D, H).

import solution
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    def split_heads(self, x: Tensor) -> Tensor:
        B, T, _ = x.shape
        return x.reshape(B, T, self.head_dim, self.num_heads).permute(0, 3, 1, 2)

    def merge_heads(self, x: Tensor) -> Tensor:
        return x.permute(0, 2, 3, 1).flatten(2)
