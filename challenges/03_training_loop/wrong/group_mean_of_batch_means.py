"""Each batch of a group counts the same, however few examples it has."""
# caught-by: test_examples_in_a_group_weigh_the_same
# advice: Within a group you average batch means. Scale each loss by len(targets) / examples in the group.

import solution
from solution import *  # noqa: F403


def accumulate(model, group, criterion, device):
    examples = sum(len(targets) for _, targets in group)
    loss_sum = 0.0
    for inputs, targets in group:
        inputs, targets = inputs.to(device), targets.to(device)
        loss = criterion(model(inputs), targets)
        (loss / len(group)).backward()
        loss_sum += loss.item() * len(targets)
    return loss_sum, examples


solution.accumulate = accumulate
