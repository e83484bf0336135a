"""Says in what way values are wrong, by trying hypotheses against the expected tensor.

Every sentence is about the learner's own tensor and about positions; none holds an expected number.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import torch

from grader.tolerance import Tolerance

MAX_TRIED = 1 << 22  # elements; a larger tensor gets the plain sentence
MAX_DIMS = 5


def close(actual: torch.Tensor, expected: torch.Tensor, allowed: Tolerance) -> torch.Tensor:
    """Return elementwise whether `actual` is close enough; NaN is close to nothing. Shape as given."""
    if allowed == (0.0, 0.0) or not (expected.is_floating_point() or expected.is_complex()):
        return actual.eq(expected)
    kind = torch.complex128 if expected.is_complex() else torch.float64
    wide, wanted = actual.to(kind), expected.to(kind)
    finite = wanted[wanted.isfinite()].abs()
    scale = finite.max() if finite.numel() else torch.zeros((), dtype=torch.float64)
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    bound = allowed.rtol * wanted.abs() + allowed.atol * scale
    # An infinity is only close to itself: inf − inf would be NaN.
    return torch.where(wanted.isfinite(), (wide - wanted).abs() <= bound, wide.eq(wanted))


def explain_shape(actual: torch.Tensor, expected: torch.Tensor, allowed: Tolerance) -> str:
    """Return words for a wrong shape."""
    got, wanted = tuple(actual.shape), tuple(expected.shape)
    text = f"has shape {got}, expected shape {wanted}"
    if sorted(got) == sorted(wanted) and actual.dim() <= MAX_DIMS:
        for order in itertools.permutations(range(actual.dim())):
            moved = actual.permute(order)
            if moved.shape == expected.shape and bool(close(moved, expected, allowed).all()):
                return f"{text}: the values are right, but the dimensions are in another order"
    if actual.numel() == expected.numel():
        flat = close(actual.reshape(-1), expected.reshape(-1), allowed)
        if bool(flat.all()):
            return f"{text}: the values are right and in order, only the shape is not"
    return text


def explain(actual: torch.Tensor, expected: torch.Tensor, allowed: Tolerance) -> str:
    """Return words for wrong values of the right shape and dtype, the most telling hypothesis first."""
    nan = actual.isnan() & ~expected.isnan()
    if bool(nan.any()):
        return f"contains NaN ({_share(nan)}){_where(nan)}"
    infinite = actual.isinf() & ~expected.isinf()
    if bool(infinite.any()):
        return f"contains infinities ({_share(infinite)}){_where(infinite)}"
    wrong = ~close(actual, expected, allowed)
    if actual.dtype == torch.bool or actual.numel() > MAX_TRIED:
        return f"is wrong in {_share(wrong)}{_where(wrong)}"
    wide = torch.complex128 if actual.is_complex() else torch.float64
    got, wanted = actual.to(wide), expected.to(wide)

    def same(guess: torch.Tensor, target: torch.Tensor) -> bool:
        return target.numel() > 1 and bool(close(guess, target, _loose(allowed)).all())

    # Whole numbers are not rounded on the way; neither is a comparison with infinities.
    whole = not (actual.is_floating_point() or actual.is_complex())
    exact = whole or not bool(expected.isfinite().all())
    for hypothesis in _hypotheses(got, wanted, same, exact):
        return hypothesis
    return f"is wrong in {_share(wrong)}{_where(wrong)}"


def _loose(allowed: Tolerance) -> Tolerance:
    # A hypothesis need not hold to the last digit to be the right thing to say.
    return Tolerance(max(allowed.rtol * 10, 1e-6), max(allowed.atol * 10, 1e-7))


Same = Callable[[torch.Tensor, torch.Tensor], bool]


def _hypotheses(got: torch.Tensor, wanted: torch.Tensor, same: Same, exact: bool) -> Iterator[str]:
    if wanted.numel() < 2:
        if same_sign_flipped(got, wanted):
            yield "has the wrong sign"
        return
    if not bool(got.any()):
        yield "is zero everywhere"
    if bool((got == got.reshape(-1)[0]).all()):
        yield "has the same value everywhere"
    if same(-got, wanted):
        yield "has the wrong sign"
    if not exact:
        yield from _rounded(got, wanted)
    yield from _scaled(got, wanted, same)
    yield from _moved(got, wanted, same)
    if same(got.reshape(-1).sort().values, wanted.reshape(-1).sort().values):
        yield "holds the right values in the wrong places"


def same_sign_flipped(got: torch.Tensor, wanted: torch.Tensor) -> bool:
    """Return whether a single value is right but for its sign."""
    return got.numel() == 1 and bool(torch.isclose(-got, wanted).all()) and bool(wanted.any())


def _rounded(got: torch.Tensor, wanted: torch.Tensor) -> Iterator[str]:
    """The values are right to a lower precision only, and have the digits of that precision only."""
    scale = wanted.abs().max()
    for dtype, bound in ((torch.float32, 1e-5), (torch.bfloat16, 3e-2)):
        near = bool(((got - wanted).abs() <= bound * scale).all())
        kind = torch.complex64 if got.is_complex() and dtype == torch.float32 else dtype
        if near and not (got.is_complex() and kind == dtype) and bool(got.to(kind).eq(got).all()):
            name = str(dtype).removeprefix("torch.")
            yield f"is right to {name} precision only: something on the way has that dtype"


def _scaled(got: torch.Tensor, wanted: torch.Tensor, same: Same) -> Iterator[str]:
    if got.is_complex() or not bool(got.isfinite().all()) or not bool(wanted.isfinite().all()):
        return
    power = (got * got).sum()
    if power > 0 and same(got * ((got * wanted).sum() / power), wanted):
        yield "is off by a constant factor"
    if same(got - (got - wanted).mean(), wanted):
        yield "is off by the same amount everywhere"


def _moved(got: torch.Tensor, wanted: torch.Tensor, same: Same) -> Iterator[str]:
    rank = min(got.dim(), MAX_DIMS)
    for one, other in itertools.combinations(range(rank), 2):
        if got.shape[one] == got.shape[other] and same(got.transpose(one, other), wanted):
            yield f"is transposed: dimensions {one} and {other} are swapped"
    for dim in range(rank):
        size = got.shape[dim]
        if size < 3:
            continue
        name = f"along dimension {dim}"
        if same(got.narrow(dim, 1, size - 1), wanted.narrow(dim, 0, size - 1)):
            yield f"is shifted by one position {name} (it comes too late)"
        if same(got.narrow(dim, 0, size - 1), wanted.narrow(dim, 1, size - 1)):
            yield f"is shifted by one position {name} (it comes too early)"
        if same(got.flip(dim), wanted):
            yield f"is reversed {name}"


def _share(wrong: torch.Tensor) -> str:
    count, total = int(wrong.sum()), wrong.numel()
    return f"{count} of {total} values" if total > 1 else "its value"


def _where(wrong: torch.Tensor) -> str:
    """Return ", only …" if the wrong values lie at one end of one dimension."""
    if wrong.dim() == 0 or bool(wrong.all()):
        return ""
    for dim in reversed(range(wrong.dim())):
        size = wrong.shape[dim]
        others = [d for d in range(wrong.dim()) if d != dim]
        hit = wrong.any(dim=others) if others else wrong
        if size < 2 or bool(hit.all()):
            continue
        places = hit.nonzero().reshape(-1).tolist()
        if places == [size - 1]:
            return f", only at the last position of dimension {dim}"
        if places == [0]:
            return f", only at position 0 of dimension {dim}"
        if not bool(hit[0]) and bool(hit[1:].all()):
            return f", everywhere but at position 0 of dimension {dim}"
        if not bool(hit[-1]) and bool(hit[:-1].all()):
            return f", everywhere but at the last position of dimension {dim}"
    return ""
