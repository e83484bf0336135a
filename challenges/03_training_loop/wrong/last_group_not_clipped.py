"""The code that steps the left-over batches was copied without its clipping."""
# caught-by: test_the_last_group_is_like_any_other
# advice: The last, shorter group is stepped without clipping. Let one function do every step.

import math

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
        full = len(group) == accumulation_steps
        solution.update(model, optimizer, scheduler, max_grad_norm if full else math.inf)
        loss_sum += group_loss
        examples += group_examples
    return loss_sum / examples


solution.train_epoch = train_epoch
