"""One backward per group: the graphs of its batches are kept until the group is complete."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

Batch = tuple[Tensor, Tensor]
Criterion = Callable[[Tensor, Tensor], Tensor]


class Mean:
    """A mean that is told how many examples stand behind each value."""

    def __init__(self) -> None:
        self.total = 0.0
        self.count = 0

    def add(self, value: float, examples: int) -> None:
        """Add a mean over `examples`."""
        self.total += value * examples
        self.count += examples

    @property
    def value(self) -> float:
        """The mean over all examples so far."""
        return self.total / self.count


class Snapshot:
    """A copy of all parameters and buffers, of buffers outside the state_dict too."""

    def __init__(self, model: nn.Module) -> None:
        self.values = [tensor.detach().clone() for tensor in self._tensors(model)]

    @staticmethod
    def _tensors(model: nn.Module) -> Iterator[Tensor]:
        yield from model.parameters()
        yield from model.buffers()

    @torch.no_grad()
    def restore(self, model: nn.Module) -> None:
        """Write the copy back into the model's own tensors."""
        for tensor, value in zip(self._tensors(model), self.values, strict=True):
            tensor.copy_(value)


@contextmanager
def mode(model: nn.Module, training: bool) -> Iterator[None]:
    """Train or eval mode inside the block; afterwards, each module's own mode again."""
    before = [(module, module.training) for module in model.modules()]
    model.train(training)
    try:
        yield
    finally:
        for module, was_training in before:
            module.training = was_training


def evaluate(
    model: nn.Module, loader: Iterable[Batch], criterion: Criterion, device: torch.device
) -> tuple[float, float]:
    """Return mean loss and accuracy over all examples of ``loader``."""
    loss, accuracy = Mean(), Mean()
    with mode(model, training=False), torch.no_grad():
        for inputs, targets in loader:
            inputs, targets = inputs.to(device), targets.to(device)
            logits = model(inputs)
            hits = logits.argmax(dim=1) == targets
            loss.add(criterion(logits, targets).item(), len(targets))
            accuracy.add(hits.double().mean().item(), len(targets))
    return loss.value, accuracy.value


def groups(
    model: nn.Module,
    loader: Iterable[Batch],
    criterion: Criterion,
    device: torch.device,
    size: int,
) -> Iterator[list[tuple[Tensor, int]]]:
    """Yield lists of up to `size` losses, each with its number of examples."""
    group: list[tuple[Tensor, int]] = []
    for inputs, targets in loader:
        loss = criterion(model(inputs.to(device)), targets.to(device))
        group.append((loss, len(targets)))
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


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
    best, best_epoch = Snapshot(model), -1
    with mode(model, training=True):
        for epoch in range(epochs):
            train_loss = Mean()
            for group in groups(model, train_loader, criterion, device, accumulation_steps):
                examples = sum(count for _, count in group)
                optimizer.zero_grad()
                torch.stack([loss * (count / examples) for loss, count in group]).sum().backward()
                nn.utils.clip_grad_norm_(model.parameters(), max_grad_norm)
                optimizer.step()
                scheduler.step()
                for loss, count in group:
                    train_loss.add(loss.item(), count)
            val_loss, val_accuracy = evaluate(model, val_loader, criterion, device)
            if best_epoch < 0 or val_loss < history["val_loss"][best_epoch]:
                best, best_epoch = Snapshot(model), epoch
            history["train_loss"].append(train_loss.value)
            history["val_loss"].append(val_loss)
            history["val_accuracy"].append(val_accuracy)
            if epoch - best_epoch >= patience:
                break
        best.restore(model)
    return history
