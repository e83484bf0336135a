"""Dropout acts on the output of proj."""
# caught-by: test_dropout_drops_attention_weights_in_train_mode
# advice: Check where your dropout acts: once, on the attention weights, between the softmax and the
# advice: product with v.

import solution
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (self.split_heads(t) for t in self.qkv(x).chunk(3, dim=-1))
        context = self.attention_weights(q, k) @ v
        return self.dropout(self.proj(self.merge_heads(context)))
