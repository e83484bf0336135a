"""evaluate restores model.training, which sets every submodule alike."""
# caught-by: test_evaluate_gives_each_submodule_its_mode_back
# advice: model.train(mode) reaches every submodule. Remember module.training for each of them.

import solution
from solution import *  # noqa: F403

right_evaluate = solution.evaluate


def evaluate(model, loader, criterion, device):
    was_training = model.training
    answer = right_evaluate(model, loader, criterion, device)
    model.train(was_training)
    return answer
