"""The weights are divided in place."""
# caught-by: test_attention_weights_gradients
# advice: exp keeps its output for backward, and /= overwrites it. Divide out of place: weights / weights.sum(dim=-1, keepdim=True).

import torch
from solution import *  # noqa: F403
from torch import Tensor


def attention_weights(scores: Tensor, padding: Tensor) -> Tensor:
    scores = scores.masked_fill(padding, float("-inf"))
    weights = torch.exp(scores - scores.amax(dim=-1, keepdim=True))
    weights /= weights.sum(dim=-1, keepdim=True)
    return weights
