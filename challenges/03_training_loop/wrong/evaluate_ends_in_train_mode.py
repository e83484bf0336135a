"""evaluate ends with model.train(), whatever the mode was."""
# caught-by: test_evaluate_gives_the_mode_back
# advice: evaluate puts a model that was in eval mode into train mode. Remember the mode before.

import solution
from solution import *  # noqa: F403

right_evaluate = solution.evaluate


def evaluate(model, loader, criterion, device):
    answer = right_evaluate(model, loader, criterion, device)
    model.train()
    return answer
