"""Challenge 03: a training loop that can be trusted."""

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
    """Return mean loss and accuracy over all examples of ``loader``.

    ``loader`` yields inputs (B, ...) and targets (B,) int64, anywhere; ``model`` lives on
    ``device`` and returns logits (B, num_classes). ``criterion(logits, targets)`` is the mean
    over the batch. Runs in eval mode, builds no graph, gives every module its mode back.
    """
    raise NotImplementedError


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
    """Train for at most ``epochs`` epochs; leave ``model`` with the weights of its best one.

    Each group of ``accumulation_steps`` batches makes one clipped optimizer step and one
    scheduler step. Returns ``{"train_loss": [...], "val_loss": [...], "val_accuracy": [...]}``,
    Python floats, one for each epoch that ran.
    """
    raise NotImplementedError
