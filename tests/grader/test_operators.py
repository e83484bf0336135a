"""The table of operators: bounds hold, and random calls end in a result or in words."""

from __future__ import annotations

import math
import random
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import torch

from grader.operators import MAX_NUMEL, TABLE
from grader.replay import TEXTS, CannotRepeat, _Machine
from grader.worker.values import Record, leaves

INTS = [0, 1, -1, 2, 3, -3, 7, 1000, 2**31, 2**62, 2**63 - 1, -(2**63)]
FLOATS = [0.0, 1.0, -1.0, 0.5, math.inf, -math.inf, math.nan, 1e300]
SHAPES = [(), (1,), (3,), (2, 3), (3, 2), (0,), (0, 3), (2, 1, 3), (40,), (3, 20)]
DTYPES = [torch.float64, torch.bfloat16, torch.int64, torch.int8, torch.uint8, torch.complex64]


class Chance:
    """Random tensors and arguments for any schema."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._torch = torch.Generator().manual_seed(seed)

    def tensor(self) -> torch.Tensor:
        """A tensor of some shape and dtype; small indices more often than others."""
        shape = self._random.choice(SHAPES)
        if self._random.random() < 0.4:
            return torch.randint(0, 4, shape, generator=self._torch)
        values = torch.randn(shape, generator=self._torch, dtype=torch.float64) * 3
        if self._random.random() < 0.2:
            return torch.full(shape, self._random.choice(INTS))
        return (values > 0) if self._random.random() < 0.2 else values.to(self.choice(DTYPES))

    def choice(self, values: list[Any]) -> Any:
        """One of them."""
        return self._random.choice(values)

    def argument(self, kind: str, known: int) -> Any:
        """Something for a parameter of this type."""
        if kind.startswith("Optional["):
            return None if self._random.random() < 0.4 else self.argument(kind[9:-1], known)
        if kind.startswith("List["):
            return [self.argument(kind[5:-1], known) for _ in range(self._random.randrange(4))]
        if kind == "Tensor":
            return Record("Value", {"number": self._random.randrange(known)})
        if kind == "int":
            return self.choice(INTS if self._random.random() < 0.3 else [0, 1, 2, 3, -1])
        choices: dict[str, list[Any]] = {
            "float": FLOATS,
            "number": [*INTS, *FLOATS, True, 1j],
            "bool": [True, False],
            "str": sorted(TEXTS),
        }
        return self.choice(choices.get(kind, [None, 0, "sum", torch.float32]))

    def step(self, name: str, known: int) -> Record:
        """A call of the operator with whatever fits its parameters."""
        parameters = TABLE[name].overload._schema.arguments  # type: ignore[attr-defined]
        args = [self.argument(str(p.type), known) for p in parameters if not p.kwarg_only]
        some = [p for p in parameters if p.kwarg_only and self._random.random() < 0.3]
        kwargs = {p.name: self.argument(str(p.type), known) for p in some}
        return Record("Step", {"operator": name, "args": tuple(args), "kwargs": kwargs})


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """torch warns about much of what is tried here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.parametrize("seed", range(4))
def test_random_calls_end_in_a_result_or_in_words(seed: int) -> None:
    """Whatever is asked of any operator, the judge computes it or says that it cannot."""
    chance, done = Chance(seed), 0
    for name in list(TABLE) * 3:
        machine = _Machine([chance.tensor() for _ in range(4)])
        try:
            machine.run(chance.step(name, 4))
            done += 1
        except CannotRepeat:
            continue

    # Otherwise the arguments would be too poor to show anything.
    assert done > len(TABLE) // 2


@pytest.mark.parametrize("seed", range(4))
def test_no_result_is_larger_than_its_bound(seed: int) -> None:
    """The bound, which is taken before the call, holds for what the call gives."""
    chance = Chance(100 + seed)
    for name, operator in [*TABLE.items()] * 3:
        tensors = [chance.tensor() for _ in range(4)]
        machine, step = _Machine(tensors), chance.step(name, 4)
        try:
            taken = machine._plain(step.fields["args"], 0)
            bound = operator.bound(taken, {})
            if 0 < bound <= MAX_NUMEL:
                made = sum(tensor.numel() for tensor in leaves(operator.overload(*taken)))

                assert made <= 2 * bound, name
        except (RuntimeError, TypeError, ValueError, IndexError, ArithmeticError, AttributeError):
            continue


def test_the_table_holds_only_what_cannot_harm() -> None:
    """Nothing that draws random numbers, changes storages or writes to out= is repeated."""
    harmful = ("rand", "bernoulli", "dropout", "resize", "set_", "unsafe_index", "storage", "_out")
    names = [name for name in TABLE if any(word in name for word in harmful)]

    assert names == []
    assert not [name for name in TABLE if name.endswith(".out")]
