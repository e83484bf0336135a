"""A training loop: accumulation, clipping, schedule, validation, early stopping."""

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

Batch = tuple[Tensor, Tensor]
Criterion = Callable[[Tensor, Tensor], Tensor]


@contextmanager
def restored_modes(model: nn.Module) -> Iterator[None]:
    """Give every module of ``model`` back the mode that it had, whatever happens inside."""
    modes = {module: module.training for module in model.modules()}
    try:
        yield
    finally:
        # Not module.train(mode): that recurses, and a part kept in eval mode would lose it.
        for module, training in modes.items():
            module.training = training


@torch.no_grad()
def evaluate(
    model: nn.Module, loader: Iterable[Batch], criterion: Criterion, device: torch.device
) -> tuple[float, float]:
    """Return mean loss and accuracy over all examples of ``loader``, in eval mode."""
    loss_sum, correct, examples = 0.0, 0.0, 0
    with restored_modes(model):
        model.eval()
        for inputs, targets in loader:  # (B, ...), (B,)
            inputs, targets = inputs.to(device), targets.to(device)
            logits = model(inputs)  # (B, num_classes)
            loss_sum += criterion(logits, targets).item() * len(targets)
            correct += (logits.argmax(dim=-1) == targets).sum().item()
            examples += len(targets)
    return loss_sum / examples, correct / examples


def groups(loader: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """Yield ``size`` consecutive batches at a time; the last group holds what is left."""
    batches = iter(loader)
    while group := list(islice(batches, size)):
        yield group


def accumulate(
    model: nn.Module, group: list[Batch], criterion: Criterion, device: torch.device
) -> tuple[float, int]:
    """Add the gradient of the group's mean loss to ``.grad``; return loss sum and example count."""
    examples = sum(len(targets) for _, targets in group)
    loss_sum = 0.0
    for inputs, targets in group:
        inputs, targets = inputs.to(device), targets.to(device)
        loss = criterion(model(inputs), targets)  # (), the mean over this batch
        # Batch by batch, so that only one batch's graph is alive at a time.
        (loss * (len(targets) / examples)).backward()
        loss_sum += loss.item() * len(targets)
    return loss_sum, examples


def update(
    model: nn.Module, optimizer: Optimizer, scheduler: LRScheduler, max_grad_norm: float
) -> None:
    """Clip the accumulated gradient, step the optimizer, then the schedule."""
    nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
    optimizer.step()
    scheduler.step()


def train_epoch(
    model: nn.Module,
    loader: Iterable[Batch],
    optimizer: Optimizer,
    scheduler: LRScheduler,
    criterion: Criterion,
    device: torch.device,
    max_grad_norm: float,
    accumulation_steps: int,
) -> float:
    """Make one pass over ``loader``; return the mean training loss over its examples."""
    model.train()
    loss_sum, examples = 0.0, 0
    for group in groups(loader, accumulation_steps):
        optimizer.zero_grad()
        group_loss, group_examples = accumulate(model, group, criterion, device)
        update(model, optimizer, scheduler, max_grad_norm)
        loss_sum += group_loss
        examples += group_examples
    return loss_sum / examples


class BestEpoch:
    """The weights of the epoch with the lowest validation loss, and how long ago that was."""

    def __init__(self) -> None:
        self.loss = math.inf
        self.epochs_since = 0
        self.state: dict[str, Tensor] = {}

    def record(self, model: nn.Module, loss: float) -> None:
        """Keep a copy of parameters and buffers when ``loss`` is strictly lower than the best."""
        if loss < self.loss:
            self.loss = loss
            self.epochs_since = 0
            # state_dict() hands out the live tensors; the next step would change them.
            self.state = {name: value.clone() for name, value in model.state_dict().items()}
        else:
            self.epochs_since += 1

    def restore(self, model: nn.Module) -> None:
        """Write the kept copy back into ``model``."""
        if self.state:
            model.load_state_dict(self.state)


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
    """Train ``model``, leave it with its best weights, return one history entry per epoch."""
    history: dict[str, list[float]] = {"train_loss": [], "val_loss": [], "val_accuracy": []}
    best = BestEpoch()
    with restored_modes(model):
        for _ in range(epochs):
            train_loss = train_epoch(
                model,
                train_loader,
                optimizer,
                scheduler,
                criterion,
                device,
                max_grad_norm,
                accumulation_steps,
            )
            val_loss, val_accuracy = evaluate(model, val_loader, criterion, device)
            history["train_loss"].append(train_loss)
            history["val_loss"].append(val_loss)
            history["val_accuracy"].append(val_accuracy)
            best.record(model, val_loss)
            if best.epochs_since == patience:
                break
    best.restore(model)
    return history
