"""The training loss in the history is the mean of the groups' means."""
# caught-by: test_history_tells_each_epoch
# advice: train_loss averages over batches. Add up loss.item() * len(targets), divide by examples.

import solution
from solution import *  # noqa: F403

right_accumulate = solution.accumulate


def accumulate(model, group, criterion, device):
    loss_sum, examples = right_accumulate(model, group, criterion, device)
    return loss_sum / examples, 1


solution.accumulate = accumulate
