"""One block without positions: the prefix is a bag of words."""
# caught-by: test_order_of_the_prefix_counts
# advice: Your model sees which tokens came before, not in which order. Add a position embedding to
# advice: the token embedding.

import solution
from solution import *
from torch import Tensor, nn


class GPT(solution.GPT):
    def forward(self, idx: Tensor) -> Tensor:
        return self.lm_head(self.norm(self.blocks(self.token_emb(idx))))


def build_model(vocab_size: int, max_seq_len: int) -> nn.Module:
    model = GPT(vocab_size, max_seq_len)
    model.blocks = nn.Sequential(solution.Block(EMBED_DIM, NUM_HEADS))
    return model
