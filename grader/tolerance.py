"""How far a right answer may lie from the reference: the one table, with the reason beside each row.

A value passes when |actual − expected| ≤ rtol · |expected| + atol · max |expected|. The second term is
relative to the largest value of the tensor because sums lose digits to their largest term.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch


class Tolerance(NamedTuple):
    """Relative to each value, and relative to the largest value of the tensor."""

    rtol: float
    atol: float


_TABLE: Final[dict[tuple[torch.dtype, str], Tolerance]] = {
    # eps 2.2e-16: chains of a few thousand operations in another order stay below 1e-12, while a
    # detour through float32 leaves 6e-8 and must be noticed.
    (torch.float64, "cpu"): Tolerance(1e-9, 1e-10),
    # eps 1.2e-7: another order of summation over hundreds of terms leaves a few 1e-6; a detour
    # through bfloat16 leaves 4e-3.
    (torch.float32, "cpu"): Tolerance(2e-5, 1e-5),
    # eps 9.8e-4, a few roundings along the way.
    (torch.float16, "cpu"): Tolerance(5e-3, 5e-3),
    # eps 7.8e-3, a few roundings along the way; inputs of a spec in bfloat16 are chosen so that right
    # ways (softmax in float32 or in bfloat16) agree within this.
    (torch.bfloat16, "cpu"): Tolerance(2e-2, 2e-2),
    # CUDA: the reference is computed on the CPU, so sums are ordered by other kernels altogether.
    (torch.float64, "cuda"): Tolerance(1e-8, 1e-9),
    (torch.float32, "cuda"): Tolerance(1e-4, 5e-5),
    (torch.float16, "cuda"): Tolerance(1e-2, 1e-2),
    (torch.bfloat16, "cuda"): Tolerance(3e-2, 3e-2),
}
_COMPLEX: Final = {torch.complex128: torch.float64, torch.complex64: torch.float32}
EXACT: Final = Tolerance(0.0, 0.0)


def tolerance(dtype: torch.dtype, device: str) -> Tolerance:
    """Return the tolerance for a dtype on a device type; integers and bools are exact."""
    return _TABLE.get((_COMPLEX.get(dtype, dtype), device), EXACT)
