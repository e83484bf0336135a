"""A tensor on the meta device is viewed, and its strides are returned."""

# caught-by: test_strides_of_a_contiguous_layout
# advice: torch's sizes end at 2**63, and how it comes to the strides is the task: compute them yourself.

import torch
from solution import *


def view_strides(shape, strides, new_shape):
    try:
        return torch.empty_strided(shape, strides, device="meta").view(new_shape).stride()
    except RuntimeError as error:
        raise ValueError(*error.args) from error
