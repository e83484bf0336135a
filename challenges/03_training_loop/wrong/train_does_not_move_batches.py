"""train calls .to(device) and throws the result away."""
# caught-by: test_train_moves_batches_to_the_device
# advice: .to(device) returns a new tensor. In train, assign it: inputs = inputs.to(device).

import solution
from solution import *  # noqa: F403


def accumulate(model, group, criterion, device):
    examples = sum(len(targets) for _, targets in group)
    loss_sum = 0.0
    for inputs, targets in group:
        inputs.to(device)
        targets.to(device)
        loss = criterion(model(inputs), targets)
        (loss * (len(targets) / examples)).backward()
        loss_sum += loss.item() * len(targets)
    return loss_sum, examples


solution.accumulate = accumulate
