"""Tampered answers: each is wrong in its own way, in every place, and otherwise like the right one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from grader import tamper
from grader.expectation import Expect, SpecFailure
from grader.replay import Traced
from grader.tamper_names import NAMES
from grader.worker.calls import Vjp
from grader.worker.values import Record, leaves

DOUBLE = torch.float64


def values(*shape: int, seed: int = 1) -> torch.Tensor:
    """Random float64 values."""
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


X = values(3, 4, seed=2)
RIGHT, OTHER, THIRD = values(3, 4), values(3, 4, seed=3), values(3, 4, seed=4)
EXPECTED: dict[str, Callable[[torch.Tensor], bool]] = {
    "zeros": lambda value: not value.any(),
    "ones": lambda value: bool((value == 1).all()),
    "constant": lambda value: torch.allclose(value, RIGHT.mean().expand(3, 4)),
    "the_input": lambda value: torch.equal(value, X),
    "random": lambda value: not torch.isclose(value, RIGHT).any(),
    "replayed": lambda value: not value.any(),
    "detached": lambda value: torch.equal(value, RIGHT),
    "lower_precision": lambda value: torch.equal(value, RIGHT.float().double()),
}


@pytest.mark.parametrize("name", NAMES)
def test_values_are_replaced(name: str) -> None:
    """Each tampering puts its own values in the place of the right ones."""
    value = tamper.make(name)(RIGHT, [values(2), X])

    assert EXPECTED[name](value)
    assert not torch.equal(RIGHT, torch.zeros_like(RIGHT))


OF_VALUES = [name for name in NAMES if name != "detached"]
ANSWERS: dict[str, Any] = {
    "tensor": RIGHT,
    "nested": [1, (RIGHT, {"a": OTHER}), "text"],
    "record": Record("Pair", {"left": RIGHT, "right": 2}),
    "vjp": Vjp(RIGHT, (OTHER, None), {"w": THIRD}, None),
    "second": Vjp(RIGHT, (OTHER,), {}, (THIRD,)),
    "numbers": (2**80 + 1, [RIGHT, True], 2.5),
    "traced": Traced(RIGHT, (OTHER,), {"b": THIRD}, True, ("aten.add",)),
}


def described(value: Any) -> Any:
    """Everything about an answer but the values of its tensors and its whole numbers."""
    if type(value) is int:
        return int
    if isinstance(value, torch.Tensor):
        return value.shape, value.dtype
    if isinstance(value, (list, tuple)):
        return type(value), [described(item) for item in value]
    if isinstance(value, dict):
        return {key: described(item) for key, item in value.items()}
    if hasattr(value, "__dataclass_fields__"):
        fields = vars(value).items()
        return type(value), [(name, described(item)) for name, item in fields]
    return value


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("name", OF_VALUES)
def test_all_else_stays(name: str, answer: str) -> None:
    """Structure, shapes, dtypes, texts and flags are those of the right answer."""
    value = tamper.make(name)(ANSWERS[answer], [])

    assert described(value) == described(ANSWERS[answer])


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("name", OF_VALUES)
def test_no_tensor_is_forgotten(name: str, answer: str) -> None:
    """Every tensor of an answer is replaced, however deep it stands."""
    right = list(leaves(getattr(ANSWERS[answer], "fields", ANSWERS[answer])))
    value = tamper.make(name)(ANSWERS[answer], [])
    replaced = list(leaves(getattr(value, "fields", value)))

    assert len(replaced) == len(right)
    assert not any(map(torch.equal, replaced, right))


NUMBERS = (3, 2**80 + 1, 7)
REPLACED: dict[str, tuple[int, ...]] = {
    "zeros": (0, 0, 0),
    "ones": (1, 1, 1),
    "constant": (2, 2, 2),
    "the_input": (0, 0, 0),
    "replayed": (0, 3, 2**80 + 1),
    "detached": NUMBERS,
    "lower_precision": (3, 2**80, 7),
}


@pytest.mark.parametrize("name", REPLACED)
def test_whole_numbers_are_replaced(name: str) -> None:
    """An answer in whole numbers earns no more by chance than one in tensors."""
    assert tamper.make(name)(NUMBERS, []) == REPLACED[name]


def test_random_whole_numbers_are_others() -> None:
    """They are drawn anew, and they are small."""
    drawn = tamper.make("random")((2**80,) * 20, [])

    assert len(set(drawn)) > 1
    assert max(drawn) < 100


def test_requires_grad_stays_but_for_detached() -> None:
    """A tampered answer looks as if it had a graph, except where that is what is taken away."""
    right = RIGHT.clone().requires_grad_()
    looks = {name: tamper.make(name)(right, [X]).requires_grad for name in NAMES}

    assert looks == {name: name != "detached" for name in NAMES}


def test_detached_gradients_are_none() -> None:
    """Who cuts the graph has no gradients: none by inputs, parameters or twice."""
    value = tamper.make("detached")(Vjp(RIGHT, (RIGHT, RIGHT), {"w": RIGHT}, (RIGHT, RIGHT)), [])

    assert torch.equal(value.output, RIGHT)
    assert (value.grads, value.params, value.second) == ((None, None), {"w": None}, (None, None))


def test_a_replay_is_the_answer_before() -> None:
    """The second answer of a shape is the first one again, and the first is zeros."""
    replay = tamper.make("replayed")
    first, second, other = values(2), values(2, seed=5), values(3)
    replayed = [replay(value, []) for value in (first, other, second)]

    assert [value.any().item() for value in replayed] == [False, False, True]
    assert torch.equal(replayed[2], first)


def test_a_tampering_starts_afresh() -> None:
    """One run's answers are not replayed in the next."""
    tamper.make("replayed")(RIGHT, [])

    assert not tamper.make("replayed")(RIGHT, []).any()


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.bfloat16, torch.complex128])
@pytest.mark.parametrize("name", NAMES)
def test_every_dtype_can_be_tampered_with(name: str, dtype: torch.dtype) -> None:
    """Whole numbers, flags, bfloat16, complex and empty tensors keep their dtype and shape."""
    for right in (torch.ones(2, 3).to(dtype), torch.ones(0, 3).to(dtype)):
        value = tamper.make(name)(right, [])

        assert (value.dtype, value.shape) == (dtype, right.shape)


@pytest.mark.parametrize("name", NAMES)
def test_a_value_spec_notices(name: str) -> None:
    """The comparison that specs use fails under every tampering of a result and its gradient."""
    expect, right = Expect(torch.device("cpu")), Vjp(RIGHT, (RIGHT,), {}, None)

    with pytest.raises(SpecFailure):
        expect(tamper.make(name)(right, [X]), right)


def test_an_unknown_tampering_is_refused() -> None:
    """There are those of the list and no others."""
    with pytest.raises(KeyError):
        tamper.make("kindness")
