"""The batches are put into a list before the epochs, so a shuffling loader shuffles once."""
# caught-by: test_loader_is_read_anew_in_each_epoch
# advice: You keep train_loader's batches, so every epoch has one order. Iterate anew in each epoch.

import solution
from solution import *  # noqa: F403

right_train = solution.train


def train(model, train_loader, *args, **settings):
    return right_train(model, list(train_loader), *args, **settings)
