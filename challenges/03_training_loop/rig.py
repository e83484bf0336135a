"""Models, loaders, optimizers and schedules for the training loop, built beside the hand-in."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

ELSEWHERE = torch.device("cpu", 1)


class Dropout(nn.Dropout):
    """Dropout whose mask is drawn on the CPU: a CPU run and a GPU run drop the same units."""

    def forward(self, input: Tensor) -> Tensor:
        """Drop units in train mode, pass everything in eval mode."""
        if not self.training or self.p == 0:
            return input
        keep = torch.rand(input.shape) >= self.p
        return input * keep.to(input) / (1 - self.p)


class Classifier(nn.Module):
    """Hidden layer, optional batch norm (then without a bias before it), dropout, head.

    Input columns beyond the features are added to the logits, so that a loader can make a batch
    as hard as it likes whatever the weights are.
    """

    def __init__(self, sizes: tuple[int, int, int], dropout: float, batch_norm: bool) -> None:
        super().__init__()
        features, hidden, classes = sizes
        # Before batch norm a bias has no gradient but rounding noise.
        self.hidden = nn.Linear(features, hidden, bias=not batch_norm)
        self.norm = nn.BatchNorm1d(hidden) if batch_norm else nn.Identity()
        self.drop = Dropout(dropout)
        self.head = nn.Linear(hidden, classes)
        self.graph_log: list[bool] = []

    def forward(self, inputs: Tensor) -> Tensor:
        """(B, features) or (B, features + classes) → logits (B, classes)."""
        features = self.hidden.in_features
        hidden = torch.tanh(self.norm(self.hidden(inputs[:, :features])))  # (B, hidden)
        logits: Tensor = self.head(self.drop(hidden))  # (B, classes)
        if inputs.shape[1] > features:
            logits = logits + inputs[:, features:]
        self.graph_log.append(logits.requires_grad)
        return logits


def make_model(
    weights: dict[str, Tensor], dropout: float = 0.0, batch_norm: bool = False
) -> nn.Module:
    """A Classifier with these weights, on their device and in their dtype, in train mode."""
    hidden, features = weights["hidden.weight"].shape
    sizes = (features, hidden, weights["head.weight"].shape[0])
    model = Classifier(sizes, dropout, batch_norm).to(weights["hidden.weight"])
    model.load_state_dict(weights, strict=False)
    return model


class Away(Tensor):
    """A tensor that behaves as if it lay on another device than the model.

    Mixed with ordinary tensors it raises, as two devices do; ``.to(device)`` makes it ordinary.
    """

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func == Tensor.device.__get__:
            return ELSEWHERE
        if func in (Tensor.to, Tensor.cuda) and _names_a_device(func, args[1:], kwargs):
            with torch._C.DisableTorchFunctionSubclass():
                moved: Tensor = func(args[0].as_subclass(Tensor), *args[1:], **kwargs)
            return moved
        others = [a for a in (*args, *kwargs.values()) if type(a) in (Tensor, nn.Parameter)]
        # Copies and 0-d operands may cross devices.
        if func is not Tensor.copy_ and any(other.dim() > 0 for other in others):
            raise RuntimeError(
                "Expected all tensors to be on the same device, but found at least two devices: "
                "the model's and the loader's"
            )
        return super().__torch_function__(func, types, args, kwargs)


def _names_a_device(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    named = (*args, *kwargs.values())
    return func is Tensor.cuda or any(isinstance(a, torch.device | str | Tensor) for a in named)


class Loader:
    """Batches of the given sizes, in one pass per ``iter``; ``len`` is the number of batches.

    ``shuffle``: a new order in each pass. ``away``: tensors on another device than the model.
    ``difficulty``: pass k lowers the logit of each example's class by ``difficulty[k]``.
    """

    def __init__(
        self,
        data: tuple[Tensor, Tensor],
        sizes: Sequence[int],
        shuffle: bool,
        away: bool,
        difficulty: Sequence[float],
        classes: int,
    ) -> None:
        self._inputs, self._targets = data
        self._sizes = list(sizes)
        self._shuffle, self._away = shuffle, away
        self._difficulty, self._classes = list(difficulty), classes
        self._passes = 0

    def __len__(self) -> int:
        return len(self._sizes)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        self._passes += 1
        inputs, targets = self._one_pass(self._passes - 1)
        batches = zip(inputs.split(self._sizes), targets.split(self._sizes), strict=True)
        for batch_inputs, batch_targets in batches:
            if self._away:
                yield batch_inputs.cpu().as_subclass(Away), batch_targets.cpu().as_subclass(Away)
            else:
                yield batch_inputs, batch_targets

    def _one_pass(self, index: int) -> tuple[Tensor, Tensor]:
        inputs, targets = self._inputs, self._targets
        if self._shuffle:
            order = torch.randperm(len(targets)).to(targets.device)
            inputs, targets = inputs[order], targets[order]
        if self._difficulty:
            level = self._difficulty[min(index, len(self._difficulty) - 1)]
            offsets = inputs.new_zeros(len(targets), self._classes)
            inputs = torch.cat([inputs, offsets.scatter(1, targets[:, None], -level)], dim=1)
        return inputs, targets


def make_loader(
    inputs: Tensor,
    targets: Tensor,
    sizes: Sequence[int],
    shuffle: bool = False,
    away: bool = False,
    difficulty: Sequence[float] = (),
    classes: int = 0,
) -> Loader:
    """A Loader over the first ``sum(sizes)`` examples."""
    count = sum(sizes)
    data = (inputs[:count], targets[:count])
    return Loader(data, sizes, shuffle, away, difficulty, classes)


def make_criterion(label_smoothing: float = 0.0) -> nn.Module:
    """Cross-entropy, the mean over the batch."""
    return nn.CrossEntropyLoss(label_smoothing=label_smoothing)


def make_optimizer(model: nn.Module, name: str, options: dict[str, float]) -> Optimizer:
    """The named optimizer over all parameters, frozen ones included."""
    optimizer: Optimizer = getattr(torch.optim, name)(model.parameters(), **options)
    return optimizer


def make_scheduler(optimizer: Optimizer, factors: Sequence[float]) -> LambdaLR:
    """After k steps the learning rate is ``factors[k]`` times the base; the last one stays."""
    table = list(factors)
    return LambdaLR(optimizer, lambda step: table[min(step, len(table) - 1)])


def leave_gradients(model: nn.Module, loader: Loader, criterion: nn.Module) -> None:
    """Leave behind in ``.grad`` what an earlier experiment might have."""
    for inputs, targets in loader:
        criterion(model(inputs), targets).backward()


def device_of(model: nn.Module) -> torch.device:
    """Where the model's parameters are."""
    return next(model.parameters()).device


def model_state(model: nn.Module) -> dict[str, Any]:
    """Parameters and buffers by name."""
    return {"parameters": dict(model.named_parameters()), "buffers": dict(model.named_buffers())}


def optimizer_state(optimizer: Optimizer) -> dict[str, Any]:
    """The optimizer's own state by parameter, and the learning rate of its next step."""
    state = {
        # Adam's step count is a 0-d tensor on the CPU, wherever its parameter is.
        index: {key: value.item() if value.dim() == 0 else value for key, value in own.items()}
        for index, own in optimizer.state_dict()["state"].items()
    }
    return {"state": state, "lr": [group["lr"] for group in optimizer.param_groups]}
