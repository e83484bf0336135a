"""The clone is taken after the values were overwritten."""
# caught-by: test_encode_gradients
# advice: clone() after the write copies tensors that are already changed; tanh's saved output stays wrong. Mask out of place, or clone before writing.

import torch
from solution import *  # noqa: F403
from torch import Tensor


def encode(obs: Tensor, weight: Tensor, padding: Tensor) -> Tensor:
    hidden = torch.tanh(obs @ weight.T)
    hidden.data.masked_fill_(padding.unsqueeze(-1), 0.0)
    return hidden.clone()
