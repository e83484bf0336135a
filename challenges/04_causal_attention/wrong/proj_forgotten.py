"""The merged heads are returned without proj."""
# caught-by: test_single_token
# advice: The merged heads still have to go through self.proj: that is where heads exchange
# advice: information.

import solution
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        q, k, v = self.split_heads(q), self.split_heads(k), self.split_heads(v)
        return self.merge_heads(self.dropout(self.attention_weights(q, k)) @ v)
