"""The schedule advances once in each epoch, as in the guide."""
# caught-by: test_schedule_follows_each_optimizer_step
# advice: The learning rate changes only between epochs. Here the schedule counts optimizer steps.

import solution
from solution import *  # noqa: F403
from torch import nn

right_epoch = solution.train_epoch


def update(model, optimizer, scheduler, max_grad_norm):
    nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
    optimizer.step()


def train_epoch(model, loader, optimizer, scheduler, *args):
    loss = right_epoch(model, loader, optimizer, scheduler, *args)
    scheduler.step()
    return loss


solution.update = update
solution.train_epoch = train_epoch
