"""An equal validation loss counts as an improvement."""
# caught-by: test_a_plateau_is_no_improvement
# advice: An epoch that only equals the best resets your patience. Compare with <, not <=.

import solution
from solution import *  # noqa: F403


class BestEpoch(solution.BestEpoch):
    def record(self, model, loss):
        if loss == self.loss:
            self.epochs_since = -1
            self.loss = loss
        super().record(model, loss)


solution.BestEpoch = BestEpoch
