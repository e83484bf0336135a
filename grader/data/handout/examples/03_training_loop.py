"""The examples of the brief of 03."""

import torch
from torch import nn

CPU = torch.device("cpu")


class Told(nn.Module):
    """A model whose loss is what is told: it has one parameter, and gives out its input."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return torch.cat([x, self.weight.expand(len(x), 1)], dim=1)


def first_column(logits, targets):
    """A loss that is the mean of the first column of the inputs, with a gradient of 1 per example."""
    return (logits[:, 0] + logits[:, 1]).mean()


def batch(size, loss):
    """A batch of so many examples, each with this loss."""
    return torch.full((size, 1), loss), torch.zeros(size, dtype=torch.int64)


class PerEpoch:
    """A loader with one example, whose loss is another in each epoch."""

    def __init__(self, losses):
        self.losses = iter(losses)

    def __len__(self):
        return 1

    def __iter__(self):
        yield batch(1, next(self.losses))


def trained(mine, train_loader, val_loader, **options):
    """Train the told model; returns it, the history and how often the optimizer stepped."""
    model, steps = Told(), []
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    optimizer.register_step_post_hook(lambda *_: steps.append(model.weight.item()))
    scheduler = torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
    options = {
        "epochs": 1,
        "max_grad_norm": 100.0,
        "accumulation_steps": 1,
        "patience": 9,
    } | options
    history = mine.train(
        model, train_loader, val_loader, optimizer, scheduler, first_column, CPU, **options
    )
    return model, history, steps


def example_means(mine):
    """Means: over examples, not over batches"""
    loader = [batch(4, 0.5), batch(4, 0.7), batch(1, 3.0)]
    loss, _ = mine.evaluate(Told(), loader, first_column, CPU)
    assert abs(loss - 7.8 / 9) < 1e-5, f"0.867 was expected, and {loss:.3f} came"


def example_groups(mine):
    """Groups: three batches with accumulation_steps=2 make two steps"""
    loader = [batch(4, 0.5), batch(4, 0.7), batch(1, 3.0)]
    _, _, steps = trained(mine, loader, [batch(1, 0.0)], accumulation_steps=2)
    assert len(steps) == 2, f"2 steps were expected, and {len(steps)} came"
    first, second = -steps[0], steps[0] - steps[1]
    assert abs(first - 1) < 1e-5, f"the first step should be 1 long, and is {first:.3f}"
    assert abs(second - 1) < 1e-5, f"the last step should be 1 long, and is {second:.3f}"


def example_patience(mine):
    """Patience: it stops after the sixth epoch and keeps the weights of the fourth"""
    # The weight goes down by 1 in each epoch; what is added keeps the losses those of the brief.
    losses = [
        loss + epoch for epoch, loss in enumerate((0.9, 0.7, 0.8, 0.6, 0.6, 0.65, 0.1, 0.1), 1)
    ]
    model, history, _ = trained(mine, [batch(1, 0.0)], PerEpoch(losses), epochs=8, patience=2)
    epochs, weight = len(history["val_loss"]), model.weight.item()
    assert epochs == 6, f"6 epochs were expected, and {epochs} came"
    assert abs(weight + 4) < 1e-5, "the weights are not those of the fourth epoch"
