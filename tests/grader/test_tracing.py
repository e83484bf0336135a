"""The recorder: operators in order, with arguments that say where each tensor came from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from grader.worker import tracing
from grader.worker.tracing import Constant, Program, Read, Step, Value, trace


def short(program: Program) -> list[str]:
    """The steps, each in a few letters."""
    return [
        "constant" if isinstance(step, Constant) else step.operator.removeprefix("aten.")
        for step in program.steps
    ]


def test_operators_come_in_order_with_their_arguments() -> None:
    """Each step names its operator and overload; tensors are numbers, the rest is plain data."""
    program = trace(lambda a: (a + 1).t(), (torch.ones(2, 3),), {})

    assert program.steps == (
        Step("aten.add.Tensor", (Value(0), 1), {}),
        Step("aten.t.default", (Value(1),), {}),
    )
    assert program.output == Value(2)


def test_arguments_have_the_first_numbers() -> None:
    """Tensors among the arguments are numbered in order, nested ones and keywords too."""
    a, b, c = (torch.ones(2) for _ in range(3))
    program = trace(lambda pair, *, more: pair[1] * more["c"], ([a, b],), {"more": {"c": c}})

    assert program.steps == (Step("aten.mul.Tensor", (Value(1), Value(2)), {}),)


def test_what_python_wraps_is_seen_through() -> None:
    """What torch.take_along_dim does in the end is seen, whatever it was called by."""
    index = torch.zeros(1, 3, dtype=torch.int64)

    assert "gather.default" in short(trace(torch.take_along_dim, (torch.ones(2, 3), index, 0), {}))


def test_a_tensor_from_elsewhere_is_a_constant_as_it_was() -> None:
    """A tensor that no operator made is kept with the values that it had when it was used."""
    table = torch.ones(2)

    def function(a: torch.Tensor) -> torch.Tensor:
        b = a + table
        table.add_(1)
        return b * table

    program = trace(function, (torch.ones(2),), {})

    assert short(program) == ["constant", "add.Tensor", "add_.Tensor", "mul.Tensor"]
    assert program.steps[0].tensor.tolist() == [1, 1]
    assert program.steps[3].args == (Value(2), Value(3))


def test_writing_in_place_is_a_step() -> None:
    """An operator that changes its argument has a number for its result, like any other."""
    program = trace(lambda a: a.clone().mul_(2), (torch.ones(2),), {})

    assert program.steps[1] == Step("aten.mul_.Tensor", (Value(1), 2), {})
    assert program.output == Value(2)


def test_several_results_have_a_number_each() -> None:
    """The tensors of a tuple are numbered in order."""
    program = trace(lambda a: a.max(0).indices, (torch.ones(2, 3),), {})

    assert program.output == Value(2)


def test_reading_a_value_is_named_and_no_more() -> None:
    """An operator without a tensor in its result is recorded by name alone."""
    program = trace(lambda a: a + a.sum().item(), (torch.ones(2),), {})

    assert program.steps[1] == Read("aten._local_scalar_dense.default")
    assert program.steps[2] == Step("aten.add.Tensor", (Value(0), 2.0), {})


def through_numpy(a: torch.Tensor) -> torch.Tensor:
    """The same memory, on a way that hides where it came from."""
    return torch.from_numpy(a.detach().numpy()) + 1


SAME_TENSOR: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "data": lambda a: a.data + 1,
    "detach": lambda a: a.detach() + 1,
    "numpy": through_numpy,
    "alias": lambda a: a[:] + 1,
}


@pytest.mark.parametrize("name", SAME_TENSOR)
def test_the_same_memory_is_no_constant(name: str) -> None:
    """A tensor that lies where a known one lies is that one, also where it came past torch."""
    program = trace(SAME_TENSOR[name], (torch.ones(2, requires_grad=True),), {})

    assert "constant" not in short(program)


def test_an_operator_that_raised_is_no_step() -> None:
    """A call that was tried in vain left nothing to repeat."""

    def function(a: torch.Tensor) -> torch.Tensor:
        try:
            return a.view(7)
        except RuntimeError:
            return a + 1

    assert short(trace(function, (torch.ones(2),), {})) == ["add.Tensor"]


def test_autograd_functions_are_recorded_inside() -> None:
    """What a custom autograd function does in its forward is recorded with the right numbers."""

    class Doubled(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, a: torch.Tensor) -> torch.Tensor:
            return a.t() * 2

        @staticmethod
        def backward(ctx: Any, grad: torch.Tensor) -> torch.Tensor:
            return 2 * grad.t()

    program = trace(Doubled.apply, (torch.ones(2, 3, requires_grad=True),), {})

    assert short(program) == ["t.default", "mul.Tensor"]
    assert program.output == Value(2)


def test_results_that_are_no_tensors_stay() -> None:
    """Plain data around the tensors of a result is left as it is."""
    program = trace(lambda a: {"sum": [a.sum(), 3, None]}, (torch.ones(2),), {})

    assert program.output == {"sum": [Value(1), 3, None]}


def test_an_endless_recording_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many operators in one call end the call with words for the learner."""
    monkeypatch.setattr(tracing, "MAX_STEPS", 20)

    with pytest.raises(RuntimeError, match="20 operators"):
        trace(lambda a: [a.add_(1) for _ in range(21)], (torch.ones(2),), {})


def test_constants_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """More bytes from elsewhere than an answer may hold end the call."""
    monkeypatch.setattr(tracing, "MAX_CONSTANT_BYTES", 100)
    table = torch.ones(30)

    with pytest.raises(RuntimeError, match="constant"):
        trace(lambda a: a + table, (torch.ones(30),), {})
