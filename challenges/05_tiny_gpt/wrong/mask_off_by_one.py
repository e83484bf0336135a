"""The mask lets each position see the token after it."""
# caught-by: test_future_tokens_do_not_reach_the_past
# advice: The diagonal of your mask is off by one: position t sees t + 1, which it has to predict.
# advice: Keep tril(), diagonal 0.

import solution
import torch
import torch.nn.functional as F
from solution import *
from torch import Tensor, nn


class CausalSelfAttention(solution.CausalSelfAttention):
    def forward(self, x: Tensor) -> Tensor:
        qkv = self.qkv(x).unflatten(-1, (3, self.num_heads, -1))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        ones = torch.ones(x.size(1), x.size(1), dtype=torch.bool, device=x.device)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=ones.tril(diagonal=1))
        return self.proj(y.transpose(1, 2).flatten(2))


def build_model(vocab_size: int, max_seq_len: int) -> nn.Module:
    model = solution.GPT(vocab_size, max_seq_len)
    for block in model.blocks:
        block.attn = CausalSelfAttention(EMBED_DIM, NUM_HEADS)
    return model
