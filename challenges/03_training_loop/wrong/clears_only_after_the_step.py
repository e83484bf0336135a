"""Gradients are cleared after each step, never before the first."""
# caught-by: test_old_gradients_do_not_count
# advice: Gradients from before train reach your first step. Clear before the first backward.

import solution
from solution import *  # noqa: F403


def train_epoch(
    model, loader, optimizer, scheduler, criterion, device, max_grad_norm, accumulation_steps
):
    model.train()
    loss_sum, examples = 0.0, 0
    for group in solution.groups(loader, accumulation_steps):
        group_loss, group_examples = solution.accumulate(model, group, criterion, device)
        solution.update(model, optimizer, scheduler, max_grad_norm)
        optimizer.zero_grad()
        loss_sum += group_loss
        examples += group_examples
    return loss_sum / examples


solution.train_epoch = train_epoch
