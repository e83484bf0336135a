"""Gradients are cleared once in each epoch, so each step also sees those of the steps before."""
# caught-by: test_one_epoch_follows_the_reference
# advice: Gradients of earlier steps are still there. backward() adds to .grad: clear it before each group.

import solution
from solution import *  # noqa: F403


def train_epoch(
    model, loader, optimizer, scheduler, criterion, device, max_grad_norm, accumulation_steps
):
    model.train()
    optimizer.zero_grad()
    loss_sum, examples = 0.0, 0
    for group in solution.groups(loader, accumulation_steps):
        group_loss, group_examples = solution.accumulate(model, group, criterion, device)
        solution.update(model, optimizer, scheduler, max_grad_norm)
        loss_sum += group_loss
        examples += group_examples
    return loss_sum / examples


solution.train_epoch = train_epoch
