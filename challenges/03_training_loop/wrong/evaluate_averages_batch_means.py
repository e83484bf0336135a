"""evaluate adds up batch means and divides by the number of batches, as the guide does."""
# caught-by: test_evaluate_averages_over_examples
# caught-by: test_history_tells_each_epoch
# advice: evaluate averages over batches. Weight by len(targets), divide by the number of examples.

import solution
import torch
from solution import *  # noqa: F403


@torch.no_grad()
def evaluate(model, loader, criterion, device):
    losses, accuracies = [], []
    with solution.restored_modes(model):
        model.eval()
        for inputs, targets in loader:
            inputs, targets = inputs.to(device), targets.to(device)
            logits = model(inputs)
            losses.append(criterion(logits, targets).item())
            accuracies.append((logits.argmax(dim=-1) == targets).double().mean().item())
    return sum(losses) / len(losses), sum(accuracies) / len(accuracies)


solution.evaluate = evaluate
