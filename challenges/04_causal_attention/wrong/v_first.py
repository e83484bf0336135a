"""The thirds of qkv are read as v, q, k."""
# caught-by: test_single_token
# advice: You read qkv in another order. Its rows are q, then k, then v.

import solution
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    def forward(self, x: Tensor) -> Tensor:
        v, q, k = self.qkv(x).chunk(3, dim=-1)
        q, k, v = self.split_heads(q), self.split_heads(k), self.split_heads(v)
        context = self.dropout(self.attention_weights(q, k)) @ v
        return self.proj(self.merge_heads(context))
