"""The table of positions is added whole, so only the longest input works."""
# caught-by: test_any_length
# advice: You add all positions, however short the input is. Look up the first T of them:
# advice: pos_emb(torch.arange(T, device=idx.device)).

import solution
from solution import *
from torch import Tensor, nn


class GPT(solution.GPT):
    def forward(self, idx: Tensor) -> Tensor:
        x = self.token_emb(idx) + self.pos_emb.weight
        return self.lm_head(self.norm(self.blocks(x)))


def build_model(vocab_size: int, max_seq_len: int) -> nn.Module:
    return GPT(vocab_size, max_seq_len)
