"""The model is 256 wide."""
# caught-by: test_number_of_parameters
# advice: The model is larger than allowed. A block has about 12 * embed_dim**2 parameters: half the
# advice: width, a quarter of the size.

import solution
from solution import *
from torch import nn


def build_model(vocab_size: int, max_seq_len: int) -> nn.Module:
    model = solution.GPT(vocab_size, max_seq_len)
    model.token_emb = nn.Embedding(vocab_size, 256)
    model.pos_emb = nn.Embedding(max_seq_len, 256)
    model.blocks = nn.Sequential(solution.Block(256, 4), solution.Block(256, 4))
    model.norm = nn.LayerNorm(256)
    model.lm_head = nn.Linear(256, vocab_size, bias=False)
    return model
