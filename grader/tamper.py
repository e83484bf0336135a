"""Wrong answers on purpose: what `verify` puts in place of a right hand-in's tensors and whole numbers.

A spec that still passes when all that it received was replaced earns points for nothing.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Final

import torch

from grader.replay import Traced
from grader.tamper_names import NAMES
from grader.worker.calls import Vjp
from grader.worker.values import Record

Replace = Callable[[torch.Tensor, list[torch.Tensor]], torch.Tensor]
Number = Callable[[int], int]


class Tamper:
    """Replaces every tensor and whole number in an answer.

    Called with the answer and the tensors that were sent.
    """

    def __init__(self, replace: Replace, number: Number) -> None:
        self._replace = replace
        self._number = number

    def __call__(self, value: Any, inputs: list[torch.Tensor]) -> Any:
        """Return `value` with its tensors and whole numbers replaced; all else stays."""
        if isinstance(value, int) and not isinstance(value, bool):
            return self._number(value)
        if isinstance(value, torch.Tensor):
            replaced = self._replace(value.detach(), inputs)
            if value.requires_grad and self._replace is not detached:
                replaced = replaced.detach().clone().requires_grad_(True)
            return replaced
        if isinstance(value, (list, tuple)):
            return type(value)(self(item, inputs) for item in value)
        if isinstance(value, dict):
            return {key: self(item, inputs) for key, item in value.items()}
        if isinstance(value, Record):
            return Record(value.type_name, self(value.fields, inputs))
        if isinstance(value, Vjp) and self._replace is detached:
            none = (None,) * len(value.grads)
            output = self(value.output, inputs)
            return Vjp(output, none, dict.fromkeys(value.params), value.second and none)
        if isinstance(value, (Vjp, Traced)):
            fields = {
                f.name: self(getattr(value, f.name), inputs) for f in dataclasses.fields(value)
            }
            return type(value)(**fields)
        return value


def zeros(value: torch.Tensor, inputs: list[torch.Tensor]) -> torch.Tensor:
    """Zeros."""
    return torch.zeros_like(value)


def ones(value: torch.Tensor, inputs: list[torch.Tensor]) -> torch.Tensor:
    """Ones."""
    return torch.ones_like(value)


def constant(value: torch.Tensor, inputs: list[torch.Tensor]) -> torch.Tensor:
    """The mean of the right values, everywhere."""
    if not value.numel():
        return value.clone()
    mean = value.to(torch.complex128 if value.is_complex() else torch.float64).mean()
    return torch.zeros_like(value) + mean.to(value.dtype)


def the_input(value: torch.Tensor, inputs: list[torch.Tensor]) -> torch.Tensor:
    """The first tensor that was sent with this shape, else zeros."""
    for sent in inputs:
        if sent.shape == value.shape:
            return sent.detach().clone().to(value.dtype)
    return torch.zeros_like(value)


def random(value: torch.Tensor, inputs: list[torch.Tensor]) -> torch.Tensor:
    """Random values of the right shape and dtype."""
    if value.dtype.is_floating_point or value.dtype.is_complex:
        return torch.randn(value.shape, dtype=torch.float64).to(value.dtype)
    return torch.randint(0, 2, value.shape).to(value.dtype)


class Replayed:
    """The previous answer of the same shape and dtype, else zeros."""

    def __init__(self) -> None:
        self._last: dict[tuple[torch.Size, torch.dtype], torch.Tensor] = {}

    def __call__(self, value: torch.Tensor, inputs: list[torch.Tensor]) -> torch.Tensor:
        """Return what the previous answer with this shape and dtype was."""
        key = value.shape, value.dtype
        previous = self._last.get(key)
        self._last[key] = value.clone()
        return torch.zeros_like(value) if previous is None else previous.clone()


def detached(value: torch.Tensor, inputs: list[torch.Tensor]) -> torch.Tensor:
    """The right values, cut from the graph."""
    return value.detach()


_LOWER: Final = {
    torch.float64: torch.float32,
    torch.complex128: torch.complex64,
    torch.float32: torch.bfloat16,
}


def lower_precision(value: torch.Tensor, inputs: list[torch.Tensor]) -> torch.Tensor:
    """The right values, rounded to the next lower precision on the way."""
    lower = _LOWER.get(value.dtype)
    return value.to(lower).to(value.dtype) if lower else value.clone()


LOWER_BITS: Final = 24


def fewer_digits(value: int) -> int:
    """The number, as many bits of it as a float32 keeps."""
    dropped = max(0, abs(value).bit_length() - LOWER_BITS)
    return value >> dropped << dropped


class ReplayedNumber:
    """The previous whole number, else 0."""

    def __init__(self) -> None:
        self._last = 0

    def __call__(self, value: int) -> int:
        """Return what the previous whole number was."""
        previous, self._last = self._last, value
        return previous


_MAKE: Final[dict[str, Callable[[], tuple[Replace, Number]]]] = {
    "zeros": lambda: (zeros, lambda value: 0),
    "ones": lambda: (ones, lambda value: 1),
    "constant": lambda: (constant, lambda value: 2),
    "the_input": lambda: (the_input, lambda value: 0),
    "random": lambda: (random, lambda value: int(torch.randint(0, 100, ()))),
    "replayed": lambda: (Replayed(), ReplayedNumber()),
    "detached": lambda: (detached, lambda value: value),
    "lower_precision": lambda: (lower_precision, fewer_digits),
}
assert tuple(_MAKE) == NAMES


def make(name: str) -> Tamper:
    """Return a fresh tampering by name."""
    return Tamper(*_MAKE[name]())
