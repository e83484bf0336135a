"""Every loss is divided by accumulation_steps, in the shorter last group as well."""
# caught-by: test_the_last_group_may_have_fewer_batches
# advice: The short last group is divided by accumulation_steps. Divide by what it really holds.

import solution
from solution import *  # noqa: F403

right_accumulate = solution.accumulate
right_epoch = solution.train_epoch
steps = 1


def accumulate(model, group, criterion, device):
    answer = right_accumulate(model, group, criterion, device)
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad *= len(group) / steps
    return answer


def train_epoch(*args):
    global steps
    steps = args[-1]
    return right_epoch(*args)


solution.accumulate = accumulate
solution.train_epoch = train_epoch
