"""Gradients are scaled to max_grad_norm even when they are shorter."""
# caught-by: test_one_epoch_follows_the_reference
# advice: Clipping never makes a gradient longer. Scale only where the norm exceeds max_grad_norm.

import solution
from solution import *  # noqa: F403
from torch import nn


def update(model, optimizer, scheduler, max_grad_norm):
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    norm = nn.utils.get_total_norm(gradients)
    for gradient in gradients:
        gradient *= max_grad_norm / (norm + 1e-6)
    optimizer.step()
    scheduler.step()


solution.update = update
