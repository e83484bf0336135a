"""The denominator is treated as a constant."""
# caught-by: test_attention_weights_gradients
# advice: The sum in the denominator depends on the scores too; do not detach it, or the gradient is no longer that of a softmax.

import torch
from solution import *  # noqa: F403
from torch import Tensor


def attention_weights(scores: Tensor, padding: Tensor) -> Tensor:
    scores = scores.masked_fill(padding, float("-inf"))
    weights = torch.exp(scores - scores.amax(dim=-1, keepdim=True))
    return weights / weights.sum(dim=-1, keepdim=True).detach()
