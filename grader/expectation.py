"""`expect`: compares what came back with the reference, and words the failure for a learner."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import torch

from grader import diagnosis
from grader.session import STOPPED, Remote, SubmissionError
from grader.tolerance import EXACT, Tolerance, tolerance
from grader.worker.calls import Vjp
from grader.worker.values import Abstract, Foreign, Record


class SpecFailure(Exception):
    """A spec is not met; the message is for the learner and holds no expected value."""


class Expect:
    """The comparison that specs use. `device` is where the hand-in's tensors should live."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def __call__(
        self,
        actual: Any,
        expected: Any,
        hint: str = "",
        *,
        exact: bool = False,
        rtol: float | None = None,
        atol: float | None = None,
    ) -> None:
        """Raise SpecFailure unless `actual` is like `expected`: type, shape, dtype, then values.

        Tolerances come from grader.tolerance unless `exact` or given; both are relative, `atol` to the
        largest expected value.
        """
        comparison = _Comparison(self._device, exact, rtol, atol)
        problem = comparison.problem(actual, expected, "")
        if problem:
            self.fail(problem, hint)

    def that(self, condition: bool, message: str) -> None:
        """Raise SpecFailure with `message` unless the condition holds."""
        if not condition:
            raise SpecFailure(message)

    def raises(self, kind: type[BaseException], call: Callable[[], Any], hint: str = "") -> None:
        """Raise SpecFailure unless `call` makes the hand-in raise `kind` or a class derived from it."""
        try:
            call()
        except SubmissionError as error:
            if error.is_a(kind):
                return
            self.fail(f"Expected a {kind.__name__}, but this was raised: {error}", hint)
        self.fail(f"Expected a {kind.__name__}, but nothing was raised.", hint)

    def tensor(
        self,
        value: Any,
        shape: tuple[int, ...] | None = None,
        dtype: torch.dtype | None = None,
        hint: str = "",
        finite: bool = True,
    ) -> torch.Tensor:
        """Return `value`, detached, once it is a tensor of this shape and dtype without NaN or inf."""
        problem = _tensor_problem(value, self._device, "")
        if problem or not isinstance(value, torch.Tensor):
            self.fail(problem or "Your result is not a tensor.", hint)
        if shape is not None and tuple(value.shape) != tuple(shape):
            self.fail(f"Your result has shape {tuple(value.shape)}, expected shape {shape}.", hint)
        if dtype is not None and value.dtype != dtype:
            self.fail(f"Your result has dtype {_dtype(value)}, expected {str(dtype)[6:]}.", hint)
        if finite and not bool(value.detach().isfinite().all()):
            self.fail("Your result contains NaN or infinities.", hint)
        return value.detach()

    def number(self, value: Any, hint: str = "") -> float:
        """Return `value` once it is a finite int or float."""
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            self.fail(f"Your result is {_a(value)}, expected a number.", hint)
        if not isinstance(value, int) and not math.isfinite(value):
            self.fail("Your result is not a finite number.", hint)
        if abs(value) > 1e300:
            self.fail("Your result is a number beyond all bounds.", hint)
        return value

    @staticmethod
    def fail(problem: str, hint: str) -> NoReturn:
        """Raise SpecFailure with the problem and the hint."""
        raise SpecFailure(f"{problem}\n{hint}" if hint else problem)


@dataclasses.dataclass(frozen=True)
class _Comparison:
    device: torch.device
    exact: bool
    rtol: float | None
    atol: float | None

    def problem(self, actual: Any, expected: Any, path: str) -> str | None:
        """Return a sentence about the first difference, or None."""
        if isinstance(expected, torch.Tensor):
            return self._tensor(actual, expected, path)
        if isinstance(expected, Abstract):
            return _abstract_problem(actual, expected, path)
        if isinstance(expected, bool) or expected is None or isinstance(expected, (str, bytes)):
            return self._plain(actual, expected, path)
        if isinstance(expected, (int, float, complex)):
            return self._number(actual, expected, path)
        if isinstance(expected, Mapping):
            return self._mapping(actual, expected, path)
        if isinstance(expected, (list, tuple)):
            return self._sequence(actual, expected, path)
        if isinstance(expected, Record):
            return self._record(actual, expected, path)
        if isinstance(expected, Vjp):
            return self._vjp(actual, expected, path)
        if isinstance(expected, (torch.dtype, torch.device)):
            return self._plain(actual, expected, path)
        raise TypeError(f"expect cannot compare with {_a(expected)}: fetch its value first")

    def _allowed(self, dtype: torch.dtype) -> Tolerance:
        if self.exact:
            return EXACT
        row = tolerance(dtype, self.device.type)
        return Tolerance(
            row.rtol if self.rtol is None else self.rtol,
            row.atol if self.atol is None else self.atol,
        )

    def _tensor(self, actual: Any, expected: torch.Tensor, path: str) -> str | None:
        problem = _tensor_problem(actual, self.device, path)
        if problem:
            return problem
        name = _subject(path)
        got, wanted = actual.detach(), expected.detach()
        allowed = self._allowed(expected.dtype)
        if got.shape != wanted.shape:
            return f"{name} {diagnosis.explain_shape(got, wanted, allowed)}."
        if got.dtype != wanted.dtype:
            return f"{name} has dtype {_dtype(got)}, expected {_dtype(wanted)}."
        if bool(diagnosis.close(got, wanted, allowed).all()):
            return None
        return f"{name} {diagnosis.explain(got, wanted, allowed)}."

    def _plain(self, actual: Any, expected: Any, path: str) -> str | None:
        if type(actual) is type(expected) and actual == expected:
            return None
        if type(actual) is not type(expected):
            return f"{_subject(path)} is {_a(actual)}, expected {_a(expected)}."
        return f"{_subject(path)} has the wrong value."

    def _number(self, actual: Any, expected: complex, path: str) -> str | None:
        number = isinstance(actual, (int, float, complex)) and not isinstance(actual, bool)
        if not number or (isinstance(expected, int) and not isinstance(actual, int)):
            return f"{_subject(path)} is {_a(actual)}, expected {_a(expected)}."
        if isinstance(actual, complex) and not isinstance(expected, complex):
            return f"{_subject(path)} is a complex number, expected {_a(expected)}."
        if isinstance(expected, int) or (isinstance(actual, int) and abs(actual) > 1e300):
            return None if actual == expected else f"{_subject(path)} has the wrong value."
        kind = torch.complex128 if isinstance(expected, complex) else torch.float64
        got, wanted = torch.tensor(actual, dtype=kind), torch.tensor(expected, dtype=kind)
        if bool(diagnosis.close(got, wanted, self._allowed(kind)).all()):
            return None
        return f"{_subject(path)} {diagnosis.explain(got, wanted, self._allowed(kind))}."

    def _mapping(self, actual: Any, expected: Mapping[Any, Any], path: str) -> str | None:
        if not isinstance(actual, Mapping):
            return f"{_subject(path)} is {_a(actual)}, expected a dict."
        missing = [key for key in expected if key not in actual]
        extra = [key for key in actual if key not in expected]
        if missing or extra:
            words = [f"lacks {', '.join(map(repr, missing[:4]))}"] if missing else []
            words += (
                [f"has {', '.join(map(repr, extra[:4]))} that is not expected"] if extra else []
            )
            return f"{_subject(path)} {' and '.join(words)}."
        for key, value in expected.items():
            problem = self.problem(actual[key], value, f"{path}[{key!r}]")
            if problem:
                return problem
        return None

    def _sequence(
        self, actual: Any, expected: list[Any] | tuple[Any, ...], path: str
    ) -> str | None:
        if type(actual) is not type(expected):
            return f"{_subject(path)} is {_a(actual)}, expected {_a(expected)}."
        if len(actual) != len(expected):
            return f"{_subject(path)} has {len(actual)} items, expected {len(expected)}."
        for number, (got, wanted) in enumerate(zip(actual, expected, strict=True)):
            problem = self.problem(got, wanted, f"{path}[{number}]")
            if problem:
                return problem
        return None

    def _record(self, actual: Any, expected: Record, path: str) -> str | None:
        if not isinstance(actual, Record):
            return f"{_subject(path)} is {_a(actual)}, expected a {expected.type_name}."
        for name, value in expected.fields.items():
            if name not in actual.fields:
                return f"{_subject(path)} has no field {name!r}."
            problem = self.problem(actual.fields[name], value, f"{path}.{name}")
            if problem:
                return problem
        return None

    def _vjp(self, actual: Vjp, expected: Vjp, path: str) -> str | None:
        problem = self.problem(actual.output, expected.output, path)
        if problem:
            return problem
        if list(actual.params) != list(expected.params):
            got, wanted = dict.fromkeys(actual.params), dict.fromkeys(expected.params)
            return self._mapping(got, wanted, "the set of trainable parameters")
        pairs = [
            *_labelled("gradient of input", actual.grads, expected.grads),
            *(
                (f"gradient of parameter {n}", actual.params[n], g)
                for n, g in expected.params.items()
            ),
            *_labelled("second derivative by input", actual.second or (), expected.second or ()),
        ]
        for label, got, wanted in pairs:
            problem = self._gradient(got, wanted, label)
            if problem:
                return problem
        return None

    def _gradient(self, actual: Any, expected: Any, label: str) -> str | None:
        name = f"The {label}"
        if expected is None:
            if actual is None or (isinstance(actual, torch.Tensor) and not bool(actual.any())):
                return None
            return f"{name} should be none at all: a gradient leaks to where none belongs."
        if actual is None:
            return (
                f"{name} is missing: the result is cut off from it "
                "(detach, .data, .item(), no_grad or torch.tensor(...) do this)."
            )
        return self._tensor(actual, expected.detach(), f"the {label}")


def _labelled(
    label: str, actual: tuple[Any, ...], expected: tuple[Any, ...]
) -> list[tuple[str, Any, Any]]:
    padded = (*actual, *[None] * len(expected))
    return [(f"{label} {n}", padded[n], wanted) for n, wanted in enumerate(expected)]


def _tensor_problem(actual: Any, device: torch.device, path: str) -> str | None:
    """Return what keeps `actual` from being a plain tensor on the right device."""
    if isinstance(actual, Abstract):
        return (
            f"{_subject(path)} is on device {actual.device}, where tensors have no values; "
            f"expected device {device}."
        )
    if not isinstance(actual, torch.Tensor):
        lost = " Is a return statement missing?" if actual is None and not path else ""
        return f"{_subject(path)} is {_a(actual)}, expected a torch.Tensor.{lost}"
    origin = getattr(actual, "origin", None)
    if origin is None:
        return None
    if origin.kind:
        return f"{_subject(path)} is {_article(origin.kind)}, a subclass of Tensor; return a plain tensor."
    if torch.device(origin.device).type != device.type:
        return f"{_subject(path)} is on device {origin.device}, expected {device}."
    return None


def _abstract_problem(actual: Any, expected: Abstract, path: str) -> str | None:
    if isinstance(actual, torch.Tensor):
        return (
            f"{_subject(path)} lies on the CPU although the inputs were on another device: "
            "create tensors with device=x.device."
        )
    if not isinstance(actual, Abstract):
        return f"{_subject(path)} is {_a(actual)}, expected a torch.Tensor."
    if actual.shape != expected.shape or actual.dtype != expected.dtype:
        return (
            f"{_subject(path)} has shape {actual.shape} and dtype {str(actual.dtype)[6:]} "
            f"on another device, expected {expected.shape} and {str(expected.dtype)[6:]}."
        )
    return None


def _subject(path: str) -> str:
    if not path:
        return "Your result"
    if path.startswith(("[", ".")):
        return f"Your result{path}"
    return path[0].upper() + path[1:]


def _dtype(value: torch.Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")


def _a(value: Any) -> str:
    """Return what a value is, with its article, without the value itself."""
    if value is None:
        return "None"
    if value is STOPPED:
        return "nothing: the call was stopped at its time limit"
    if isinstance(value, Foreign):
        return f"{_article(value.type_name)} ({value.note})"
    if isinstance(value, Record):
        return _article(value.type_name)
    if isinstance(value, Remote):
        return f"{_article(value._type_name)} object"
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)}"
    return _article(type(value).__name__)


def _article(name: str) -> str:
    return f"an {name}" if name[:1].lower() in tuple("aeiou") else f"a {name}"
