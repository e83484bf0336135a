"""The blocks are kept in a Python list."""
# caught-by: test_weights_can_be_saved_and_restored
# advice: Blocks in a Python list are neither trained, moved nor saved: nobody knows of their
# advice: parameters. Use nn.ModuleList.

import solution
from solution import *
from torch import Tensor, nn


class GPT(solution.GPT):
    def __init__(self, vocab_size: int, max_seq_len: int) -> None:
        super().__init__(vocab_size, max_seq_len)
        del self.blocks
        self.layers = [solution.Block(EMBED_DIM, NUM_HEADS) for _ in range(NUM_LAYERS)]

    def blocks(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x = layer(x)
        return x


def build_model(vocab_size: int, max_seq_len: int) -> nn.Module:
    return GPT(vocab_size, max_seq_len)
