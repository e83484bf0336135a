"""evaluate never calls model.eval()."""
# caught-by: test_evaluate_runs_in_eval_mode
# advice: evaluate runs with dropout on and batch norm learning. Call model.eval() first.

import solution
import torch
from solution import *  # noqa: F403


@torch.no_grad()
def evaluate(model, loader, criterion, device):
    loss_sum, correct, examples = 0.0, 0, 0
    for inputs, targets in loader:
        inputs, targets = inputs.to(device), targets.to(device)
        logits = model(inputs)
        loss_sum += criterion(logits, targets).item() * len(targets)
        correct += (logits.argmax(dim=-1) == targets).sum().item()
        examples += len(targets)
    return loss_sum / examples, correct / examples


solution.evaluate = evaluate
