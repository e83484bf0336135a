"""scheduler.step() comes before optimizer.step(), so the first learning rate is never used."""
# caught-by: test_schedule_follows_each_optimizer_step
# caught-by: test_schedule_does_not_count_batches
# advice: You step the schedule before the optimizer, so each step uses the next rate. Swap them.

import solution
from solution import *  # noqa: F403
from torch import nn


def update(model, optimizer, scheduler, max_grad_norm):
    nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
    scheduler.step()
    optimizer.step()


solution.update = update
