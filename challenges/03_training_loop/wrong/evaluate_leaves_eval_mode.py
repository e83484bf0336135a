"""model.train() stands before the epochs, and evaluate leaves the model in eval mode."""
# caught-by: test_evaluate_gives_the_mode_back
# caught-by: test_training_runs_in_train_mode
# advice: After the first validation you train in eval mode. Restore it, and call train() each epoch.

from contextlib import nullcontext

import solution
from solution import *  # noqa: F403

right_train = solution.train


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


def train(model, *args, **settings):
    model.train()
    return right_train(model, *args, **settings)


solution.train_epoch = train_epoch
solution.restored_modes = nullcontext
