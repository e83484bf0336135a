"""Records which operators a call runs, so that the judge can repeat them on tensors of its own.

The recording says nothing by itself: a stranger may send any. It becomes evidence only when
grader.replay carries it out on numbers that the worker never saw.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Final

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from .values import leaves

MAX_STEPS: Final = 20_000
MAX_CONSTANT_BYTES: Final = 16 << 20


@dataclasses.dataclass(frozen=True)
class Value:
    """A tensor of the recording by its number.

    The tensors among the arguments come first; each step then adds the tensors of its result, in order.
    """

    number: int


@dataclasses.dataclass(frozen=True)
class Named:
    """A torch.layout or torch.memory_format."""

    name: str


@dataclasses.dataclass(frozen=True)
class Constant:
    """A step that adds one tensor which came from neither the arguments nor an operator."""

    tensor: torch.Tensor


@dataclasses.dataclass(frozen=True)
class Step:
    """One operator, such as "aten.as_strided.default", with its arguments as plain data."""

    operator: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Read:
    """An operator that gave no tensor and changed none: Tensor.item, torch.equal."""

    operator: str


@dataclasses.dataclass(frozen=True)
class Program:
    """Steps in order, and the result with a Value in the place of each tensor."""

    steps: tuple[Any, ...]
    output: Any


def trace(function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Program:
    """Call, and return the operators that reached torch's dispatcher with all that they took."""
    recorder = _Recorder(list(leaves((args, kwargs))))
    with recorder:
        output = function(*args, **kwargs)
    # First: it may add a constant to the steps.
    plain = recorder.plain(output)
    return Program(tuple(recorder.steps), plain)


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    def __init__(self, arguments: list[torch.Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.steps: list[Constant | Step | Read] = []
        # Held until the end, so that no id and no address stands for two of them.
        self._values: list[torch.Tensor] = []
        self._numbers: dict[int, int] = {}
        self._places: dict[tuple[Any, ...], int] = {}
        self._constant_bytes = 0
        for tensor in arguments:
            self._add(tensor)

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # True, the default, makes the first operator import torch's whole compiler: 1.4 s.
        return False

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        # Before the call: a constant must be kept as it was when the operator took it.
        taken, named = self.plain(tuple(args)), self.plain(dict(kwargs))
        result = func(*args, **kwargs)
        tensors = list(leaves(result))
        if tensors or func._schema.is_mutable:
            self._append(Step(str(func), taken, named))
        else:
            self._append(Read(str(func)))
        for tensor in tensors:
            self._add(tensor)
        return result

    def plain(self, value: Any) -> Any:
        """Return `value` with a Value in the place of each tensor."""
        if isinstance(value, torch.Tensor):
            return Value(self._number(value))
        if isinstance(value, (list, tuple)):
            items = [self.plain(item) for item in value]
            return items if isinstance(value, list) else tuple(items)
        if isinstance(value, dict):
            return {key: self.plain(item) for key, item in value.items()}
        if isinstance(value, (torch.layout, torch.memory_format)):
            return Named(str(value))
        return value

    def _number(self, tensor: torch.Tensor) -> int:
        if id(tensor) in self._numbers:
            return self._numbers[id(tensor)]
        number = self._same_place(tensor)
        if number is not None:
            return number
        self._constant_bytes += tensor.numel() * tensor.element_size()
        if self._constant_bytes > MAX_CONSTANT_BYTES:
            raise RuntimeError("more constant tensors than the grader can follow in one call")
        self._append(Constant(tensor.detach().clone()))
        return self._add(tensor)

    def _same_place(self, tensor: torch.Tensor) -> int | None:
        """Return the number of a known tensor over the same memory: a way through numpy loses ids."""
        place = _place(tensor)
        number = self._places.get(place) if place else None
        if number is None or _place(self._values[number]) != place:
            return None
        return number

    def _add(self, tensor: torch.Tensor) -> int:
        number = len(self._values)
        self._values.append(tensor)
        self._numbers[id(tensor)] = number
        place = _place(tensor)
        if place:
            self._places[place] = number
        return number

    def _append(self, step: Constant | Step | Read) -> None:
        if len(self.steps) >= MAX_STEPS:
            raise RuntimeError(f"more than {MAX_STEPS} operators in one call: is there a loop?")
        self.steps.append(step)


def _place(tensor: torch.Tensor) -> tuple[Any, ...] | None:
    if tensor.layout != torch.strided or tensor.device.type == "meta" or not tensor.numel():
        return None
    return tensor.data_ptr(), tensor.dtype, tensor.device, tensor.size(), tensor.stride()
