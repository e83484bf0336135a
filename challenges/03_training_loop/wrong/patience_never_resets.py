"""The count of epochs without improvement is not set back at a new best."""
# caught-by: test_patience_counts_epochs_since_the_best
# advice: You count all bad epochs of the run. Set the count back to 0 at each new best.

import solution
from solution import *  # noqa: F403


class BestEpoch(solution.BestEpoch):
    def record(self, model, loss):
        before = self.epochs_since
        super().record(model, loss)
        if self.epochs_since == 0:
            self.epochs_since = before


solution.BestEpoch = BestEpoch
