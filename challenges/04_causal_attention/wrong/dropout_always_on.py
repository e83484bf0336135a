"""Functional dropout is called without training=."""
# caught-by: test_dropout_is_off_in_eval_mode_and_at_rate_zero
# advice: Your dropout also acts in eval mode. F.dropout needs training=self.training and
# advice: scaled_dot_product_attention needs dropout_p=0.0 then; nn.Dropout knows by itself.

import solution
import torch.nn.functional as F
from torch import Tensor


class CausalSelfAttention(solution.CausalSelfAttention):
    def attention_weights(self, q: Tensor, k: Tensor) -> Tensor:
        return F.dropout(super().attention_weights(q, k), self.dropout.p)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (self.split_heads(t) for t in self.qkv(x).chunk(3, dim=-1))
        return self.proj(self.merge_heads(self.attention_weights(q, k) @ v))
