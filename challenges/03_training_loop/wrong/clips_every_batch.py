"""Gradients are clipped after every backward, while the group is still accumulating."""
# caught-by: test_clipping_waits_for_the_whole_group
# advice: You clip after each batch's backward. Clip once per step, when the group is complete.

import solution
from solution import *  # noqa: F403
from torch import nn


def accumulate(model, group, criterion, device, max_grad_norm):
    examples = sum(len(targets) for _, targets in group)
    loss_sum = 0.0
    for inputs, targets in group:
        inputs, targets = inputs.to(device), targets.to(device)
        loss = criterion(model(inputs), targets)
        (loss * (len(targets) / examples)).backward()
        nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
        loss_sum += loss.item() * len(targets)
    return loss_sum, examples


def train_epoch(
    model, loader, optimizer, scheduler, criterion, device, max_grad_norm, accumulation_steps
):
    model.train()
    loss_sum, examples = 0.0, 0
    for group in solution.groups(loader, accumulation_steps):
        optimizer.zero_grad()
        group_loss, group_examples = accumulate(model, group, criterion, device, max_grad_norm)
        optimizer.step()
        scheduler.step()
        loss_sum += group_loss
        examples += group_examples
    return loss_sum / examples


solution.train_epoch = train_epoch
