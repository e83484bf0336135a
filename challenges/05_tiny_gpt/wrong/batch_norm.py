"""Features are normalised by statistics over the batch."""
# caught-by: test_rows_are_independent
# advice: Your normalisation takes its mean over the rows of the batch. Use nn.LayerNorm: it takes
# advice: it over the features of each position.

import solution
from solution import *
from torch import Tensor, nn


class NormOverBatch(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        mean, var = x.mean(dim=0), x.var(dim=0, unbiased=False)
        return (x - mean) / (var + 1e-5).sqrt()


def build_model(vocab_size: int, max_seq_len: int) -> nn.Module:
    model = solution.GPT(vocab_size, max_seq_len)
    model.blocks[1].norm1 = NormOverBatch()
    return model
