"""evaluate moves the inputs to the device and forgets the targets."""
# caught-by: test_evaluate_moves_batches_to_the_device
# advice: evaluate moves only the inputs. The targets must follow: targets = targets.to(device).

import solution
import torch
from solution import *  # noqa: F403


@torch.no_grad()
def evaluate(model, loader, criterion, device):
    loss_sum, correct, examples = 0.0, 0, 0
    with solution.restored_modes(model):
        model.eval()
        for inputs, targets in loader:
            logits = model(inputs.to(device))
            loss_sum += criterion(logits, targets).item() * len(targets)
            correct += (logits.argmax(dim=-1) == targets).sum().item()
            examples += len(targets)
    return loss_sum / examples, correct / examples


solution.evaluate = evaluate
