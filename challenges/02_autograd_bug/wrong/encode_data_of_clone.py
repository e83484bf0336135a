"""A clone is masked through .data, so the mask is missing in the graph."""
# caught-by: test_encode_gradients
# advice: tanh's saved output is safe now, but .data hides the mask from autograd: padded steps still receive a gradient. Mask without .data.

import torch
from solution import *  # noqa: F403
from torch import Tensor


def encode(obs: Tensor, weight: Tensor, padding: Tensor) -> Tensor:
    hidden = torch.tanh(obs @ weight.T).clone()
    hidden.data.masked_fill_(padding.unsqueeze(-1), 0.0)
    return hidden
