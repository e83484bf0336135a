"""The guide's loop: a step only when (i + 1) % accumulation_steps == 0."""
# caught-by: test_the_last_group_may_have_fewer_batches
# advice: Batches left over at the end of an epoch never reach an optimizer step. Step once more for them.

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
        if len(group) == accumulation_steps:
            solution.update(model, optimizer, scheduler, max_grad_norm)
        loss_sum += group_loss
        examples += group_examples
    return loss_sum / examples


solution.train_epoch = train_epoch
