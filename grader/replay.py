"""Repeats in the judge, on hidden values, what a call did in the worker on others.

Which operators a hand-in used is known to its own process only, and could be forged there. So the worker
gets decoys, tensors of the same layout with other numbers, and sends a recording (grader.worker.tracing);
here it is carried out on the hidden numbers. What comes of it is computed by the judge: values,
shared storage, what became of the arguments. A recording that is right on numbers which its sender
never saw is a right computation, whoever wrote it.
"""

from __future__ import annotations

import dataclasses
import hashlib
import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import torch

from grader.operators import MAX_NUMEL, TABLE, UNINITIALISED
from grader.worker.tracing import MAX_CONSTANT_BYTES, MAX_STEPS, Program
from grader.worker.values import Record, leaves

MAX_RANK: Final = 16
MAX_WORK: Final = 10_000_000
MAX_ITEMS: Final = 4096
INT64: Final = 2**63
KEYWORDS: Final = {
    *("dtype", "layout", "device", "pin_memory", "memory_format", "non_blocking"),
    *("alpha", "beta", "value", "rounding_mode", "correction", "include_self", "approximate"),
    *("stable", "dim", "descending", "keepdim"),
}
KINDS: Final = {
    "dtype": torch.dtype,
    "layout": torch.layout,
    "device": torch.device,
    "memory_format": torch.memory_format,
}
IGNORED: Final = {"layout", "pin_memory", "non_blocking"}
TEXTS: Final = {"none", "tanh", "floor", "trunc", "sum", "prod", "mean", "amax", "amin"}
NAMED: Final[dict[str, Any]] = {
    str(value): value
    for value in (
        torch.strided,
        torch.contiguous_format,
        torch.preserve_format,
        torch.channels_last,
        torch.channels_last_3d,
    )
}


class CannotRepeat(Exception):
    """The recording cannot be carried out on other numbers; the message is for the learner."""


@dataclasses.dataclass(frozen=True)
class Traced:
    """What came of a recording on the hidden values, all of it seen by the judge itself.

    `args`, `kwargs`: the arguments as the call left them. `shares`: whether the output lies in the storage
    of the first tensor among the arguments. `operators`: all that ran, in order, such as "aten.gather".
    """

    output: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    shares: bool
    operators: tuple[str, ...]


def decoys(
    args: tuple[Any, ...], kwargs: dict[str, Any], hidden: Sequence[int] | None
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments with other numbers in their tensors; dtypes and layouts stay.

    Floating values are drawn anew. Whole numbers and flags change places, so that indices stay
    indices. `hidden`: at which positions (None: everywhere, keywords too).
    """
    generator = _generator([*leaves((args, kwargs))])

    def decoy(value: torch.Tensor) -> torch.Tensor:
        return _decoy(value, generator)

    if hidden is None:
        return _mapped(args, decoy), _mapped(kwargs, decoy)
    chosen = [_mapped(a, decoy) if n in hidden else a for n, a in enumerate(args)]
    return tuple(chosen), kwargs


def _generator(tensors: list[torch.Tensor]) -> torch.Generator:
    """Return numbers that follow from all values together: repeatable by us, by nobody else."""
    digest = hashlib.sha256()
    storages = [tensor.untyped_storage().data_ptr() for tensor in tensors if tensor.numel()]
    if len(set(storages)) != len(storages):
        raise ValueError("the arguments of a trace must have storages of their own")
    for tensor in tensors:
        digest.update(repr(tensor.tolist()).encode())
    return torch.Generator().manual_seed(int.from_bytes(digest.digest()[:8], "big") >> 1)


def _decoy(value: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    flat = _flat(value)
    place = torch.arange(len(flat)).as_strided(value.size(), value.stride(), value.storage_offset())
    reached = torch.zeros(len(flat), dtype=torch.bool)
    reached[place] = True
    places = reached.nonzero().squeeze(1)
    if value.dtype.is_floating_point or value.dtype.is_complex:
        drawn = torch.randn(len(places), generator=generator, dtype=torch.float64)
        flat[places] = drawn.to(flat.dtype)
    else:
        flat[places] = flat[places[torch.randperm(len(places), generator=generator)]]
    return _laid_out(flat, value).requires_grad_(value.requires_grad)


def _flat(value: torch.Tensor) -> torch.Tensor:
    """Return a copy of the whole storage, as a vector of the tensor's dtype."""
    storage = torch.empty(0, dtype=torch.uint8).set_(value.detach().untyped_storage())
    return torch.empty(0, dtype=value.dtype).set_(storage.clone().untyped_storage())


def _laid_out(flat: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return flat.as_strided(like.size(), like.stride(), like.storage_offset())


def _mapped(value: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> Any:
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, (list, tuple)):
        items = [_mapped(item, change) for item in value]
        return items if isinstance(value, list) else tuple(items)
    if isinstance(value, dict):
        return {key: _mapped(item, change) for key, item in value.items()}
    return value


def repeat(program: Program, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Traced:
    """Carry out the recording on copies of the arguments; raises CannotRepeat, and nothing else."""
    own_args, own_kwargs = (
        _mapped(value, lambda t: _laid_out(_flat(t), t)) for value in (args, kwargs)
    )
    inputs = list(leaves((own_args, own_kwargs)))
    machine = _Machine(inputs)
    with torch.no_grad():
        if len(program.steps) > MAX_STEPS:
            raise CannotRepeat(f"More than {MAX_STEPS} operators in one call: is there a loop?")
        for step in program.steps:
            machine.run(step)
        output = machine.output(program.output)
    shares = (
        isinstance(output, torch.Tensor)
        and bool(inputs)
        and bool(_address(output))
        and _address(output) == _address(inputs[0])
    )
    return Traced(output, own_args, own_kwargs, shares, tuple(machine.operators))


class _Machine:
    """The tensors so far, by number, and what may still be spent on more of them."""

    def __init__(self, inputs: list[torch.Tensor]) -> None:
        self.operators: list[str] = []
        self._values = list(inputs)
        self._storages = {_address(value) for value in inputs}
        # Addresses of storages with anything in them that depends on the arguments.
        self._dependent = {*self._storages} - {0}
        self._work = 0
        self._constant_bytes = 0

    def run(self, step: Any) -> None:
        """Carry out one step, which is what a stranger sent."""
        match step:
            case Record("Constant", {"tensor": torch.Tensor() as tensor}):
                self._constant(tensor)
            case Record("Step", {"operator": str(name), "args": tuple(args), "kwargs": dict(more)}):
                self._operator(name, args, more)
            case Record("Read", {"operator": str(name)}):
                # It left nothing to repeat: what it read stands in later steps.
                self.operators.append(_short(name))
            case _:
                raise CannotRepeat("The recording of this call is damaged.")

    def output(self, output: Any) -> Any:
        """Return the result with tensors in the place of their numbers."""
        try:
            result = self._plain(output, 0)
        except Exception:
            raise CannotRepeat("The result is not made of tensors and plain data.") from None
        found = [tensor for tensor in leaves(result) if tensor.numel()]
        if found and self._dependent and not any(map(self._depends, found)):
            raise CannotRepeat(
                "Your result does not follow from the arguments by torch's operators: values were read "
                "into Python or numpy (.item(), .tolist(), .numpy()) and made a new tensor there."
            )
        return result

    def _constant(self, tensor: torch.Tensor) -> None:
        self._constant_bytes += tensor.numel() * tensor.element_size()
        if self._constant_bytes > MAX_CONSTANT_BYTES or tensor.numel() > MAX_NUMEL:
            raise CannotRepeat("The call uses constant tensors that are too large to be sent.")
        # A clone, because one storage may stand behind many tensors of an answer.
        self._take(tensor.detach().clone())

    def _operator(self, name: str, args: tuple[Any, ...], more: dict[str, Any]) -> None:
        operator = TABLE.get(name)
        if operator is None:
            raise CannotRepeat(_unknown(name))
        try:
            taken, named = self._plain(args, 0), self._keywords(more)
            self._spend(operator.bound(taken, named))
            dependent = any(map(self._depends, leaves((taken, named))))
            result = operator.overload(*taken, **named)
        except CannotRepeat:
            raise
        # What the exception says may hold hidden values, so its text is kept from the learner.
        except Exception as error:
            raise CannotRepeat(
                f"{_short(name)} does not work with other values of the same shapes "
                f"({type(error).__name__}): was a value read into Python (.item(), .tolist(), if)?"
            ) from None
        self.operators.append(_short(name))
        for tensor in leaves(result):
            self._take(self._clean(name, tensor), dependent)

    def _clean(self, name: str, tensor: torch.Tensor) -> torch.Tensor:
        """Return a tensor behind which no bytes lie that no operator wrote."""
        if name in UNINITIALISED:
            torch.empty(0, dtype=torch.uint8).set_(tensor.untyped_storage()).zero_()
        known = _address(tensor) in self._storages
        if not known and tensor.untyped_storage().nbytes() != tensor.numel() * tensor.itemsize:
            return tensor.clone(memory_format=torch.contiguous_format)
        return tensor

    def _take(self, tensor: torch.Tensor, dependent: bool = False) -> None:
        if tensor.numel() > MAX_NUMEL or tensor.dim() > MAX_RANK:
            raise CannotRepeat(f"A tensor of more than {MAX_NUMEL} elements or {MAX_RANK} dims.")
        self._spend(1)
        self._values.append(tensor)
        self._storages.add(_address(tensor))
        if dependent:
            self._dependent.add(_address(tensor))

    def _spend(self, elements: int) -> None:
        self._work += elements
        if not 0 <= elements <= MAX_NUMEL or self._work > MAX_WORK:
            raise CannotRepeat("The call computes more than can be repeated: is there a loop?")

    def _depends(self, tensor: torch.Tensor) -> bool:
        return _address(tensor) in self._dependent

    def _keywords(self, more: dict[str, Any]) -> dict[str, Any]:
        if not more.keys() <= KEYWORDS:
            raise ValueError("a keyword that no repeated operator has")
        # torch takes numbers for these as well, and some of them stand for sparse layouts.
        for key, kind in KINDS.items():
            if not isinstance(self._plain(more.get(key), 0), (kind, type(None))):
                raise ValueError("a keyword of another type")
        return {key: self._plain(more[key], 0) for key in more if key not in IGNORED}

    def _plain(self, value: Any, depth: int) -> Any:
        """Return an argument with tensors for their numbers; raises for what none of ours is like."""
        match value:
            case Record("Value", {"number": int(number)}) if 0 <= number < len(self._values):
                return self._values[number]
            case Record("Named", {"name": str(name)}):
                return NAMED[name]
            case None | bool() | float() | complex() | torch.dtype():
                return value
            case torch.device():
                # Everything is on the CPU here, wherever the hand-in's tensors lived.
                return torch.device("cpu")
            case int() if -INT64 <= value < INT64:
                return value
            case str() if value in TEXTS:
                return value
            case list() | tuple() if len(value) <= MAX_ITEMS and depth < 4:
                items = [self._plain(item, depth + 1) for item in value]
                return items if isinstance(value, list) else tuple(items)
            case dict() if depth < 4:
                return {key: self._plain(item, depth + 1) for key, item in value.items()}
        raise ValueError("an argument that cannot be repeated")


def _address(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def _short(name: str) -> str:
    """Return "aten.view" for "aten.view.default", as much of it as is safe to show."""
    return re.sub(r"[^\w.]", "?", name)[:80].rpartition(".")[0] or "an operator"


def _unknown(name: str) -> str:
    return (
        f"Your code used {_short(name)}, which cannot be repeated here. Build the result from indexing, "
        "views, comparisons and arithmetic, without random numbers, out= and resizing."
    )
