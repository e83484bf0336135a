"""The error is silenced by dividing through .data."""
# caught-by: test_attention_weights_gradients
# advice: Writing through .data only silences the error: backward now uses overwritten values and does not know about the division. Divide out of place.

import torch
from solution import *  # noqa: F403
from torch import Tensor


def attention_weights(scores: Tensor, padding: Tensor) -> Tensor:
    scores = scores.masked_fill(padding, float("-inf"))
    weights = torch.exp(scores - scores.amax(dim=-1, keepdim=True))
    weights.data /= weights.data.sum(dim=-1, keepdim=True)
    return weights
