"""Only .data was removed: the mask still overwrites the output of tanh."""
# caught-by: test_encode_gradients
# advice: Without .data autograd notices that the output of tanh, which it saved, was overwritten. Make a new tensor: hidden.masked_fill(...) without the underscore.

import torch
from solution import *  # noqa: F403
from torch import Tensor


def encode(obs: Tensor, weight: Tensor, padding: Tensor) -> Tensor:
    hidden = torch.tanh(obs @ weight.T)
    return hidden.masked_fill_(padding.unsqueeze(-1), 0.0)
