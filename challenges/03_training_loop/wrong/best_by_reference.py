"""The best state_dict is kept without a copy, so it changes with every step."""
# caught-by: test_best_weights_come_back
# caught-by: test_best_weights_come_back_after_early_stopping
# advice: state_dict() holds the live tensors, so your best weights keep training. Clone them.

import solution
from solution import *  # noqa: F403


class BestEpoch(solution.BestEpoch):
    def record(self, model, loss):
        super().record(model, loss)
        if self.epochs_since == 0:
            self.state = dict(model.state_dict())


solution.BestEpoch = BestEpoch
