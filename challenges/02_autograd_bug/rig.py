"""Models and probes for the specs of 02: they call the hand-in as a training script would."""

import copy
import gc
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def mlp(weights: Sequence[Tensor], biases: Sequence[Tensor]) -> nn.Sequential:
    """Linear layers with tanh between them, holding copies of the given values."""
    layers: list[nn.Module] = []
    for weight, bias in zip(weights, biases, strict=True):
        linear = nn.Linear(weight.shape[1], weight.shape[0])
        linear.weight = nn.Parameter(weight.detach().clone())
        linear.bias = nn.Parameter(bias.detach().clone())
        layers += [linear, nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def grads_of(model: nn.Module) -> dict[str, Tensor | None]:
    """Copies of every .grad, None where there is none."""
    return {
        name: None if param.grad is None else param.grad.detach().clone()
        for name, param in model.named_parameters()
    }


def penalty_grads(
    gradient_penalty: Callable[..., Tensor], critic: nn.Module, batches: Sequence[Tensor]
) -> dict[str, Any]:
    """Backward through the summed penalties of several batches: the penalties and every .grad."""
    penalties = [gradient_penalty(critic, states) for states in batches]
    total = torch.stack(penalties).sum()
    if total.requires_grad:
        total.backward()
    for param in critic.parameters():
        # No gradient and a gradient of zero mean the same here.
        param.grad = torch.zeros_like(param) if param.grad is None else param.grad
    return {"penalties": penalties, ".grad": grads_of(critic)}


def norms_of_steps(
    grad_norm: Callable[..., Tensor],
    model: nn.Module,
    batches: Sequence[tuple[Tensor, Tensor]],
) -> dict[str, Any]:
    """Compute and measure the loss of each batch; the losses come with their graphs."""
    # The last one is part of no loss, like a head that this batch does not train.
    params = [*model.parameters(), nn.Parameter(torch.ones_like(batches[0][0]))]
    losses = [F.mse_loss(model(inputs), targets) for inputs, targets in batches]
    return {"norms": _row([grad_norm(loss, params) for loss in losses]), "losses": losses}


def measure_then_train(
    grad_norm: Callable[..., Tensor],
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    earlier: Sequence[Tensor | None],
) -> dict[str, Any]:
    """Measure two losses of one forward pass while earlier gradients lie in .grad, then train.

    The norms are added to what is trained on: as constants they change no gradient.
    """
    params = list(model.parameters())
    for param, grad in zip(params, earlier, strict=True):
        param.grad = None if grad is None else grad.clone()
    outputs = model(inputs)
    losses = [F.mse_loss(outputs, targets), outputs.square().mean()]
    norms = [grad_norm(loss, params) for loss in losses]
    measured = grads_of(model)
    (torch.stack(losses).sum() + sum(norms)).backward()
    return {
        "norms": _row(norms),
        "losses": losses,
        ".grad after measuring": measured,
        ".grad after training": grads_of(model),
    }


def _row(norms: list[Tensor]) -> Tensor | list[Tensor]:
    """One tensor of all norms, or the list as it is if something else is among them."""
    return torch.stack(norms) if all(isinstance(norm, Tensor) for norm in norms) else norms


class Marker:
    """Lives as long as the graph node that holds it."""


class _Watch(torch.autograd.Function):
    """The identity, with a marker on its graph node."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, marker: Marker) -> Tensor:
        ctx.marker = marker
        return x.clone()

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor, None]:
        return grad_output, None


def copied(scale: Callable[[Tensor], Tensor], signals: Sequence[Tensor]) -> dict[str, Any]:
    """Copy the object after all signals but two, and feed these to copy and object in turn.

    `copies` is None where there can be no copy.
    """
    *earlier, one, other = [signal.detach().clone().requires_grad_() for signal in signals]
    for signal in earlier:
        # Signals have a graph, as in training.
        scale(signal * 1.0)
    try:
        twin = copy.deepcopy(scale)
    except RuntimeError:
        return {"copies": None, "originals": [scale(other), scale(one)]}
    return {"copies": [twin(one), twin(other)], "originals": [scale(other), scale(one)]}


def graphs_alive(scale: Callable[[Tensor], Tensor], signals: Sequence[Tensor]) -> dict[str, Any]:
    """Feed all signals but the last and drop the results: how many graphs survive?

    The outputs come as values, that of the last signal with its graph.
    """
    outputs: list[Tensor] = []
    markers: list[weakref.ref[Marker]] = []
    *earlier, last = [signal.detach().clone().requires_grad_() for signal in signals]
    for signal in earlier:
        marker = Marker()
        markers.append(weakref.ref(marker))
        outputs.append(scale(_Watch.apply(signal, marker)).detach().clone())
        del marker
    gc.collect()
    alive = sum(marker() is not None for marker in markers)
    return {"outputs": [*outputs, scale(last)], "graphs alive": alive}
