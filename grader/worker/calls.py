"""The ways to call something: plainly, with gradients, recorded, on meta, and the rest.

Used in the worker for the hand-in and in the judge for the reference, so both sides mean the same.
"""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

from .quick import skip_compiler_import
from .tracing import trace
from .values import leaves


@dataclasses.dataclass(frozen=True)
class Vjp:
    """Vector–Jacobian products of one call.

    `grads`: one per input tensor with requires_grad, `params`: by parameter name, `second`: the gradient
    of the weighted sum of `grads` with respect to the same inputs. None where nothing depends on it.
    """

    output: Any
    grads: tuple[torch.Tensor | None, ...]
    params: dict[str, torch.Tensor | None]
    second: tuple[torch.Tensor | None, ...] | None


def invoke(
    function: Callable[..., Any],
    mode: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    extra: dict[str, Any],
) -> Any:
    """Call `function` in the given mode; `extra` are the mode's own arguments."""
    if mode == "call":
        return function(*args, **kwargs)
    modes: dict[str, Callable[..., Any]] = {
        "vjp": vjp,
        "meta": on_meta,
        "twice": twice,
        "overwrite": overwrite,
        "trace": trace,
    }
    return modes[mode](function, args, kwargs, **extra)


def vjp(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    cotangent: Any,
    second: tuple[torch.Tensor | None, ...] | None = None,
) -> Vjp:
    """Return output and gradients of ⟨output, cotangent⟩ (torch.autograd.grad).

    Where the output does not fit the cotangent, or no gradient reaches it, all gradients are None: the
    comparison of the outputs then says what is wrong.
    """
    inputs = [leaf for leaf in leaves((args, kwargs)) if leaf.requires_grad]
    params = dict(_parameters(function, args, kwargs))
    output = function(*args, **kwargs)
    wanted = [*inputs, *params.values()]
    pairs = _differentiable(output, cotangent)
    grads: list[torch.Tensor | None] = [None] * len(wanted)
    if pairs and wanted:
        grads = list(
            torch.autograd.grad(
                _inner(pairs), wanted, create_graph=second is not None, allow_unused=True
            )
        )
    first, by_name = grads[: len(inputs)], grads[len(inputs) :]
    seconds = None if second is None else _second(first, inputs, second)
    return Vjp(output, tuple(first), dict(zip(params, by_name, strict=True)), seconds)


def _differentiable(output: Any, cotangent: Any) -> list[tuple[torch.Tensor, torch.Tensor]]:
    outputs, cotangents = list(leaves(output)), list(leaves(cotangent))
    if [leaf.shape for leaf in outputs] != [leaf.shape for leaf in cotangents]:
        return []
    return [
        (leaf, weight.to(leaf.dtype))
        for leaf, weight in zip(outputs, cotangents, strict=True)
        if leaf.requires_grad
    ]


def _second(
    grads: list[torch.Tensor | None],
    inputs: list[torch.Tensor],
    weights: tuple[torch.Tensor | None, ...],
) -> tuple[torch.Tensor | None, ...]:
    pairs = [
        (grad, weight)
        for grad, weight in zip(grads, weights, strict=True)
        if grad is not None and weight is not None and grad.requires_grad
    ]
    if not pairs:
        return (None,) * len(inputs)
    return torch.autograd.grad(_inner(pairs), inputs, allow_unused=True)


def _inner(pairs: list[tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
    # The scalar is formed here because grad_outputs makes torch import sympy, half a second.
    # For complex outputs the inner product is real: Re Σ output · conj(weight).
    parts = [(output * weight.conj()).sum() for output, weight in pairs]
    reals = [part.real if part.is_complex() else part for part in parts]
    return functools.reduce(torch.add, [part.to(reals[0].dtype) for part in reals])


def _parameters(
    function: object, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Iterator[tuple[str, nn.Parameter]]:
    """Yield the trainable parameters of `function` and of modules among the arguments.

    The first module's names stand as they are; those of further modules are prefixed "1.", "2.", ….
    """
    owner = getattr(function, "__self__", function)
    candidates = [owner, *args, *kwargs.values()]
    modules = [module for module in candidates if isinstance(module, nn.Module)]
    for number, module in enumerate(modules):
        prefix = f"{number}." if number else ""
        for name, parameter in module.named_parameters():
            if parameter.requires_grad:
                yield prefix + name, parameter


def on_meta(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Repeat the call with every tensor, module and device moved to the meta device."""
    _get_ready_for_meta()
    owner = getattr(function, "__self__", None)
    if isinstance(owner, nn.Module):
        function = getattr(_to_meta(owner), function.__name__)
    elif isinstance(function, nn.Module):
        function = _to_meta(function)
    return function(*_to_meta(args), **_to_meta(kwargs))


@functools.cache
def _get_ready_for_meta() -> None:
    import torch._refs  # what the meta device computes shapes with; 0.4 s, so only here

    skip_compiler_import(torch._refs)


def _to_meta(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        moved = torch.empty_strided(value.size(), value.stride(), dtype=value.dtype, device="meta")
        return moved.requires_grad_(value.requires_grad)
    if isinstance(value, nn.Module):
        return copy.deepcopy(value).to("meta")
    if isinstance(value, torch.device):
        return torch.device("meta")
    if isinstance(value, (list, tuple)):
        return type(value)([_to_meta(item) for item in value])
    if isinstance(value, dict):
        return {key: _to_meta(item) for key, item in value.items()}
    return value


def twice(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Any, Any]:
    """Call twice with the same objects, and return both results.

    A call that writes into its arguments spoils the second: what it did to them shows in a value.
    """
    return function(*args, **kwargs), function(*args, **kwargs)


def overwrite(
    function: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    output: torch.Tensor | None,
    argument: torch.Tensor | None,
) -> tuple[Any, Any]:
    """Call, write `output` into the result, then `argument` into the first tensor that was passed.

    Returns that tensor as it is after the first write, and the result as it is after the second (None
    where nothing was to be written): a result in memory of its own shows neither.
    """
    result = function(*args, **kwargs)
    first = next(leaves((args, kwargs)))
    seen = None
    if output is not None:
        _write(output, result)
        seen = first.clone()
    if argument is not None:
        _write(argument, first)
    return seen, None if argument is None else result


def _write(values: torch.Tensor, into: Any) -> None:
    # What is no tensor of this shape stays as it is, and the comparison says so.
    if isinstance(into, torch.Tensor) and into.shape == values.shape:
        with torch.no_grad():
            into.copy_(values)
