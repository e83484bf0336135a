"""evaluate runs in eval mode and takes that for no_grad."""
# caught-by: test_evaluate_builds_no_graph
# advice: model.eval() does not stop autograd. Put evaluate under torch.no_grad() or torch.inference_mode().

import solution
import torch
from solution import *  # noqa: F403


def evaluate(model, loader, criterion, device):
    losses, correct, examples = [], 0, 0
    with solution.restored_modes(model):
        model.eval()
        for inputs, targets in loader:
            inputs, targets = inputs.to(device), targets.to(device)
            logits = model(inputs)
            losses.append(criterion(logits, targets) * len(targets))
            correct += (logits.argmax(dim=-1) == targets).sum().item()
            examples += len(targets)
    return torch.stack(losses).sum().item() / examples, correct / examples
