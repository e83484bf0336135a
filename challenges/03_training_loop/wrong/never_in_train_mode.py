"""train relies on the model being in train mode already."""
# caught-by: test_training_runs_in_train_mode
# advice: A model that arrives in eval mode is trained in eval mode. Call model.train() each epoch.

import solution
from solution import *  # noqa: F403


def train_epoch(
    model, loader, optimizer, scheduler, criterion, device, max_grad_norm, accumulation_steps
):
    loss_sum, examples = 0.0, 0
    for group in solution.groups(loader, accumulation_steps):
        optimizer.zero_grad()
        group_loss, group_examples = solution.accumulate(model, group, criterion, device)
        solution.update(model, optimizer, scheduler, max_grad_norm)
        loss_sum += group_loss
        examples += group_examples
    return loss_sum / examples


solution.train_epoch = train_epoch
