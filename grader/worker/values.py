"""What values are where they are not plain Python: records, foreign things, meta; tensors in them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator
from typing import Any, Final

import torch

DTYPES: Final[dict[str, torch.dtype]] = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.float64,
        torch.float32,
        torch.float16,
        torch.bfloat16,
        torch.complex64,
        torch.complex128,
        torch.int64,
        torch.int32,
        torch.int16,
        torch.int8,
        torch.uint8,
        torch.bool,
    )
}


# Spelled out, because torch.device itself warns about some names and takes "cuda:256" for "cuda:0".
DEVICES: Final = re.compile(r"(cpu|cuda|mps|xpu|hpu|xla|meta)(:(0|[1-9]\d?))?")


@dataclasses.dataclass(frozen=True)
class Record:
    """A dataclass instance or named tuple from the other side: its type's name and its fields."""

    type_name: str
    fields: dict[str, Any]

    def __getattr__(self, name: str) -> Any:
        """Return a field by name.

        Never one with a name that libraries give a meaning: through `__array_interface__` a stranger
        could have numpy and torch read this process's memory.
        """
        if name.startswith("__") or name == "fields":
            raise AttributeError(name)
        try:
            return self.fields[name]
        except KeyError:
            raise AttributeError(f"{self.type_name} has no field {name!r}") from None

    def __bool__(self) -> bool:
        """Refuse: whatever a stranger sent must not pass for a true answer."""
        raise TypeError(f"a {self.type_name} has no truth value")


@dataclasses.dataclass(frozen=True)
class Foreign:
    """Something from the other side that is neither plain data nor a usable object."""

    type_name: str
    note: str

    def __bool__(self) -> bool:
        """Refuse: whatever a stranger sent must not pass for a true answer."""
        raise TypeError(f"a {self.type_name} has no truth value")


@dataclasses.dataclass(frozen=True)
class Origin:
    """Where a tensor was before it crossed: its device, and its subclass ("" if plain)."""

    device: str
    kind: str


@dataclasses.dataclass(frozen=True)
class Abstract:
    """Shape, dtype and device of a tensor that has no data (the result of a call on meta)."""

    shape: tuple[int, ...]
    dtype: torch.dtype
    device: str


def leaves(value: Any) -> Iterator[torch.Tensor]:
    """Yield the tensors in nested lists, tuples, dicts and dataclasses, in order."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from leaves(getattr(value, field.name))
