"""The best weights are loaded just before the break, so a full run keeps its last ones."""
# caught-by: test_best_weights_come_back
# advice: A run that reaches its last epoch keeps its last weights. Restore after the loop.

import solution
from solution import *  # noqa: F403

right_train = solution.train


class BestEpoch(solution.BestEpoch):
    patience = 0

    def restore(self, model):
        if self.epochs_since == self.patience:
            super().restore(model)


def train(*args, patience, **settings):
    BestEpoch.patience = patience
    return right_train(*args, patience=patience, **settings)


solution.BestEpoch = BestEpoch
