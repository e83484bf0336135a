"""train leaves the model in train mode, whatever the mode was."""
# caught-by: test_train_gives_modes_back
# advice: train leaves the whole model in train mode. Put each module's flag back.

import solution
from solution import *  # noqa: F403

right_train = solution.train


def train(model, *args, **settings):
    history = right_train(model, *args, **settings)
    model.train()
    return history
