"""Everything inside is cast to float32."""
# caught-by: test_single_token
# caught-by: test_matches_reference
# advice: Your result has float32 accuracy although x is float64. Drop the .float() calls; the
# advice: layers already have the dtype of x.

import solution
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).float().chunk(3, dim=-1)
        q, k, v = self.split_heads(q), self.split_heads(k), self.split_heads(v)
        context = self.dropout(self.attention_weights(q, k)) @ v
        return self.proj(self.merge_heads(context).to(x.dtype))
