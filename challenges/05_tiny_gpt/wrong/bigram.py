"""A table from each token to the logits of the next one."""
# caught-by: test_every_token_of_the_prefix_counts
# caught-by: test_order_of_the_prefix_counts
# advice: Your logits depend on the current token alone, as in a bigram model. Add attention over
# advice: the tokens before it.

from solution import *
from torch import nn


def build_model(vocab_size: int, max_seq_len: int) -> nn.Module:
    return nn.Embedding(vocab_size, vocab_size)
