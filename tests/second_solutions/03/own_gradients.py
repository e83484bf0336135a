"""No `backward()`: gradients come from torch.autograd.grad, and are summed, scaled and clipped here.

Evaluation calls the criterion once, on the logits of all examples.
"""

import copy
import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

Batch = tuple[Tensor, Tensor]
Criterion = Callable[[Tensor, Tensor], Tensor]


def evaluate(
    model: nn.Module, loader: Iterable[Batch], criterion: Criterion, device: torch.device
) -> tuple[float, float]:
    """Return mean loss and accuracy over all examples of ``loader``."""
    training = {name for name, module in model.named_modules() if module.training}
    model.eval()
    with torch.no_grad():
        pairs = [(model(inputs.to(device)), targets.to(device)) for inputs, targets in loader]
        logits, targets = (torch.cat(column) for column in zip(*pairs, strict=True))
        loss = criterion(logits, targets)
        correct = (logits.max(dim=-1).indices == targets).sum()
    for name, module in model.named_modules():
        module.training = name in training
    return float(loss), int(correct) / len(targets)


class GroupGradient:
    """The gradient of the mean loss over the examples of one group of batches."""

    def __init__(self, params: list[nn.Parameter]) -> None:
        self.params = params
        self.sums: list[Tensor | None] = [None] * len(params)
        self.examples = 0

    def add(self, loss: Tensor, examples: int) -> None:
        """Add the gradient of a mean over `examples`, weighted with their number."""
        grads = torch.autograd.grad(loss, self.params, allow_unused=True)
        for i, grad in enumerate(grads):
            if grad is not None:
                before = self.sums[i]
                weighted = grad * examples
                self.sums[i] = weighted if before is None else before + weighted
        self.examples += examples

    def hand_over(self, max_norm: float) -> None:
        """Set every .grad to the mean, scaled down to a joint norm of at most max_norm."""
        norm = math.hypot(*(float(s.norm()) for s in self.sums if s is not None))
        divisor = max(self.examples, norm / max_norm)
        for param, total in zip(self.params, self.sums, strict=True):
            param.grad = None if total is None else total / divisor


def train(
    model: nn.Module,
    train_loader: Iterable[Batch],
    val_loader: Iterable[Batch],
    optimizer: Optimizer,
    scheduler: LRScheduler,
    criterion: Criterion,
    device: torch.device,
    *,
    epochs: int,
    max_grad_norm: float,
    accumulation_steps: int,
    patience: int,
) -> dict[str, list[float]]:
    """Train for at most ``epochs`` epochs; leave ``model`` with the weights of its best one."""
    history: dict[str, list[float]] = {"train_loss": [], "val_loss": [], "val_accuracy": []}
    modes = [module.training for module in model.modules()]
    params = [param for param in model.parameters() if param.requires_grad]
    optimizer.zero_grad(set_to_none=True)
    best = model
    disappointments = 0

    while len(history["val_loss"]) < epochs and disappointments < patience:
        model.train()
        total, examples = 0.0, 0
        group = GroupGradient(params)
        for number, (inputs, targets) in enumerate(train_loader, start=1):
            loss = criterion(model(inputs.to(device)), targets.to(device))
            group.add(loss, len(targets))
            total += loss.item() * len(targets)
            examples += len(targets)
            if number % accumulation_steps == 0 or number == len(train_loader):  # type: ignore[arg-type]
                group.hand_over(max_grad_norm)
                optimizer.step()
                scheduler.step()
                group = GroupGradient(params)

        val_loss, val_accuracy = evaluate(model, val_loader, criterion, device)
        if all(val_loss < earlier for earlier in history["val_loss"]):
            best = copy.deepcopy(model)
            disappointments = 0
        else:
            disappointments += 1
        history["train_loss"].append(total / examples)
        history["val_loss"].append(val_loss)
        history["val_accuracy"].append(val_accuracy)

    with torch.no_grad():
        for mine, kept in zip(model.parameters(), best.parameters(), strict=True):
            mine.copy_(kept)
        for mine, kept in zip(model.buffers(), best.buffers(), strict=True):
            mine.copy_(kept)
    for module, mode in zip(model.modules(), modes, strict=True):
        module.training = mode
    return history
