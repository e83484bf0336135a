"""The schedule advances with every batch, also while gradients accumulate."""
# caught-by: test_schedule_does_not_count_batches
# advice: scheduler.step() runs once for each batch. With accumulation it belongs to the optimizer step.

import solution
from solution import *  # noqa: F403


def train_epoch(
    model, loader, optimizer, scheduler, criterion, device, max_grad_norm, accumulation_steps
):
    model.train()
    loss_sum, examples = 0.0, 0
    for group in solution.groups(loader, accumulation_steps):
        optimizer.zero_grad()
        group_loss, group_examples = solution.accumulate(model, group, criterion, device)
        solution.update(model, optimizer, scheduler, max_grad_norm)
        for _ in group[1:]:
            scheduler.step()
        loss_sum += group_loss
        examples += group_examples
    return loss_sum / examples


solution.train_epoch = train_epoch
