"""Challenge 01: views and gather. `grader brief 01` shows the rules."""

import torch
import torch.nn.functional as F
from torch import Tensor


def view_strides(
    shape: tuple[int, ...], strides: tuple[int, ...], new_shape: tuple[int, ...]
) -> tuple[int, ...]:
    """Return the strides that lay new_shape over memory of this shape and these strides.

    Plain integers of any magnitude, all >= 0; no -1. Raises ValueError when the numbers of elements
    differ, and when only a copy could have this shape.
    """
    raise NotImplementedError


def view(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return a tensor of `shape` that shares the memory of x, elements in row-major order.

    That is as_strided with view_strides of x.
    x: any shape, dtype and strides. shape: sizes >= 0, of which one may be -1 (inferred).
    Raises ValueError for a shape that does not fit, and where only a copy could give it.
    """
    raise NotImplementedError


def gather(src: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return out of index's shape with out[i][j][k] = src[i][index[i][j][k]][k] (here dim = 1).

    src: any dtype, rank R >= 1. dim: from -R to R - 1.
    index: int64, rank R, in every dim but `dim` no larger than src.
    """
    raise NotImplementedError


def split_heads(x: Tensor, num_heads: int) -> Tensor:
    """Return (B, H, T, D) from (B, T, C): head h holds channels h * D to (h + 1) * D, D = C / H.

    Raises ValueError unless num_heads is a positive divisor of C.
    """
    raise NotImplementedError


def merge_heads(x: Tensor) -> Tensor:
    """Return (B, T, C) from (B, H, T, D), C = H * D: the inverse of split_heads."""
    raise NotImplementedError


def token_log_probs(logits: Tensor, targets: Tensor, ignore_index: int = -100) -> Tensor:
    """Return the log-probability (...) of each target under the softmax of logits over V.

    logits: (..., V), floating point. targets: (...), int64. The result has the dtype of logits;
    where targets == ignore_index it is 0 and passes no gradient.
    """
    raise NotImplementedError


def sliding_windows(x: Tensor, size: int, step: int) -> Tensor:
    """Return (..., N, size) from x (..., L), a view: out[..., n, i] = x[..., n * step + i].

    N = (L - size) // step + 1. Raises ValueError unless 1 <= size <= L and step >= 1.
    """
    raise NotImplementedError
