"""Attention without a mask."""
# caught-by: test_future_tokens_do_not_reach_the_past
# advice: Your attention has no causal mask: each position reads its own target. Pass
# advice: is_causal=True, or hide keys > query before the softmax.

import solution
import torch.nn.functional as F
from solution import *
from torch import Tensor, nn


class CausalSelfAttention(solution.CausalSelfAttention):
    def forward(self, x: Tensor) -> Tensor:
        qkv = self.qkv(x).unflatten(-1, (3, self.num_heads, -1))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v)
        return self.proj(y.transpose(1, 2).flatten(2))


def build_model(vocab_size: int, max_seq_len: int) -> nn.Module:
    model = solution.GPT(vocab_size, max_seq_len)
    for block in model.blocks:
        block.attn = CausalSelfAttention(EMBED_DIM, NUM_HEADS)
    return model
