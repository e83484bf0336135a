"""The examples of the brief of 05."""

import torch
import torch.nn.functional as F


def example_shapes(mine):
    """Shapes: a batch of 32 stories"""
    tokens = torch.randint(52, (32, 48))
    model = mine.build_model(52, 48).eval()
    with torch.no_grad():
        logits = model(tokens[:, :-1])
    assert logits.shape == (32, 47, 52), (
        f"(32, 47, 52) was expected, and {tuple(logits.shape)} came"
    )


def example_untrained(mine):
    """Untrained, the loss is a little above 3.95"""
    tokens = torch.randint(52, (32, 48))
    model = mine.build_model(52, 48).eval()
    with torch.no_grad():
        loss = F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten()).item()
    assert 3.8 < loss < 6, f"it is {loss:.2f}"
