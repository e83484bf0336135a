"""The losses of a group are added, not averaged."""
# caught-by: test_a_group_of_batches_makes_one_step
# advice: You add the batches' gradients up. Scale each loss by its share of the group's examples.

import solution
from solution import *  # noqa: F403


def accumulate(model, group, criterion, device):
    examples = sum(len(targets) for _, targets in group)
    loss_sum = 0.0
    for inputs, targets in group:
        inputs, targets = inputs.to(device), targets.to(device)
        loss = criterion(model(inputs), targets)
        loss.backward()
        loss_sum += loss.item() * len(targets)
    return loss_sum, examples


solution.accumulate = accumulate
