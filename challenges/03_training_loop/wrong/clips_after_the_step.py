"""Gradients are clipped when the optimizer has already used them."""
# caught-by: test_gradients_are_clipped_before_the_step
# advice: Your clipping has no effect: it comes after optimizer.step(). Clip just before the step.

import solution
from solution import *  # noqa: F403
from torch import nn


def update(model, optimizer, scheduler, max_grad_norm):
    optimizer.step()
    nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
    scheduler.step()


solution.update = update
