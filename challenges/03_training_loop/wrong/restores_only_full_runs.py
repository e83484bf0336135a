"""Early stopping returns from inside the loop, past the line that restores the weights."""
# caught-by: test_best_weights_come_back_after_early_stopping
# advice: A run that stops early returns before the best weights are restored. Restore after the loop.

import solution
from solution import *  # noqa: F403

right_train = solution.train


class BestEpoch(solution.BestEpoch):
    patience = 0

    def restore(self, model):
        if self.epochs_since < self.patience:
            super().restore(model)


def train(*args, patience, **settings):
    BestEpoch.patience = patience
    return right_train(*args, patience=patience, **settings)


solution.BestEpoch = BestEpoch
