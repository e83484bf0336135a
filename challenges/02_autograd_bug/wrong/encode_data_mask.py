"""Padding is blanked through .data, behind autograd's back."""
# caught-by: test_encode_gradients
# advice: Writing through .data changes what tanh saved for backward without any warning, and the mask is not part of the graph. Use masked_fill on the tensor itself, out of place.

import torch
from solution import *  # noqa: F403
from torch import Tensor


def encode(obs: Tensor, weight: Tensor, padding: Tensor) -> Tensor:
    hidden = torch.tanh(obs @ weight.T)
    hidden.data.masked_fill_(padding.unsqueeze(-1), 0.0)
    return hidden
