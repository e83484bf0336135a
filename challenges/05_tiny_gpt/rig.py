"""What the specs need beside the hand-in's model."""

import torch
from torch import nn


def perturb(model: nn.Module, seed: int, std: float = 0.1) -> None:
    """Add noise to every parameter, so that a head or a gain that starts at zero hides nothing."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            noise = torch.randn(parameter.shape, generator=generator)
            parameter.add_(noise.to(parameter) * std)
