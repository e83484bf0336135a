"""The best epoch is the one with the highest validation accuracy."""
# caught-by: test_best_weights_come_back
# advice: You choose the best epoch by accuracy. Choose by the lowest validation loss.

import solution
from solution import *  # noqa: F403

right_evaluate = solution.evaluate
last_accuracy = 0.0


def evaluate_and_remember(model, loader, criterion, device):
    global last_accuracy
    loss, last_accuracy = right_evaluate(model, loader, criterion, device)
    return loss, last_accuracy


class BestEpoch(solution.BestEpoch):
    def record(self, model, loss):
        super().record(model, -last_accuracy)


solution.evaluate = evaluate_and_remember
solution.BestEpoch = BestEpoch
