"""An epoch that beats the one before counts as the best."""
# caught-by: test_best_weights_come_back
# caught-by: test_patience_counts_epochs_since_the_best
# advice: You compare each validation loss with the epoch before. Compare with the lowest so far.

import solution
from solution import *  # noqa: F403


class BestEpoch(solution.BestEpoch):
    def record(self, model, loss):
        super().record(model, loss)
        self.loss = loss


solution.BestEpoch = BestEpoch
