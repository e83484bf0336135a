"""zero_grad stands inside the loop over batches, so only the last batch of a group counts."""
# caught-by: test_a_group_of_batches_makes_one_step
# advice: zero_grad in every batch throws away what the group has gathered. Clear once per step.

import solution
from solution import *  # noqa: F403


def accumulate(model, group, criterion, device):
    examples = sum(len(targets) for _, targets in group)
    loss_sum = 0.0
    for inputs, targets in group:
        model.zero_grad()
        inputs, targets = inputs.to(device), targets.to(device)
        loss = criterion(model(inputs), targets)
        (loss * (len(targets) / examples)).backward()
        loss_sum += loss.item() * len(targets)
    return loss_sum, examples


solution.accumulate = accumulate
