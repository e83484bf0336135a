"""The input is flattened with view."""
# caught-by: test_non_contiguous_input
# advice: x.view(B * T, C) fails when x is a transposed tensor. Linear layers take (B, T, C) as it
# advice: is; otherwise use reshape.

import solution
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    def forward(self, x: Tensor) -> Tensor:
        B, T, C = x.shape
        q, k, v = self.qkv(x.view(B * T, C)).view(B, T, 3 * C).chunk(3, dim=-1)
        q, k, v = self.split_heads(q), self.split_heads(k), self.split_heads(v)
        context = self.dropout(self.attention_weights(q, k)) @ v
        return self.proj(self.merge_heads(context))
