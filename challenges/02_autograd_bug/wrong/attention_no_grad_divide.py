"""The in-place division is moved under no_grad."""
# caught-by: test_attention_weights_gradients
# advice: no_grad hides the division from autograd but still overwrites what exp saved. Divide out of place, with gradients on.

import torch
from solution import *  # noqa: F403
from torch import Tensor


def attention_weights(scores: Tensor, padding: Tensor) -> Tensor:
    scores = scores.masked_fill(padding, float("-inf"))
    weights = torch.exp(scores - scores.amax(dim=-1, keepdim=True))
    with torch.no_grad():
        weights /= weights.sum(dim=-1, keepdim=True)
    return weights
