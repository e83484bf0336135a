"""Views on strides alone, gather by indexing, and three everyday uses of them."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def merge_dims(shape: tuple[int, ...], strides: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return [(numel, stride), ...]: neighbouring dims become one where one stride walks both."""
    chunks: list[tuple[int, int]] = []
    for size, stride in zip(shape, strides, strict=True):
        if size == 1:
            continue  # its index is always 0, so its stride says nothing
        if chunks and chunks[-1][1] == size * stride:
            outer_numel, _ = chunks.pop()
            chunks.append((outer_numel * size, stride))
        else:
            chunks.append((size, stride))
    return chunks


def deal_dims(chunks: list[tuple[int, int]], new_shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the strides of `new_shape`, each dim within one chunk; raise ValueError if one is not."""
    chunks, strides = chunks.copy(), []
    left, stride = 1, 1  # what the current chunk still has to give, and the step to walk it
    for size in reversed(new_shape):
        if left == 1 and size > 1:
            left, stride = chunks.pop()
        if left % size:
            raise ValueError(f"{new_shape} spans memory that no single stride walks")
        strides.append(stride)
        left, stride = left // size, stride * size
    return tuple(reversed(strides))


def view_strides(
    shape: tuple[int, ...], strides: tuple[int, ...], new_shape: tuple[int, ...]
) -> tuple[int, ...]:
    """Return the strides that lay `new_shape` over memory of this shape and these strides.

    Raises ValueError when the numbers of elements differ, and when only a copy has this shape.
    """
    if math.prod(new_shape) != math.prod(shape):
        raise ValueError(f"{new_shape} does not have as many elements as {shape}")
    if math.prod(shape) == 0:
        return (1,) * len(new_shape)  # no element is ever addressed, so any strides will do
    return deal_dims(merge_dims(shape, strides), new_shape)


def infer_shape(shape: tuple[int, ...], numel: int) -> tuple[int, ...]:
    """Return `shape` with its -1 replaced; raise ValueError for what is no shape."""
    if shape.count(-1) > 1 or any(size < -1 for size in shape):
        raise ValueError(f"sizes must be non-negative, with at most one -1: {shape}")
    known = math.prod(size for size in shape if size != -1)
    if -1 in shape and known == 0:
        raise ValueError(f"-1 could be any size in {shape}")
    return tuple(numel // known if size == -1 else size for size in shape)


def view(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return a tensor of `shape` over the memory of x, elements in the same row-major order."""
    shape = infer_shape(tuple(shape), x.numel())
    strides = view_strides(tuple(x.shape), x.stride(), shape)
    return x.as_strided(shape, strides)  # without a storage_offset it keeps the one of x


def gather(src: Tensor, dim: int, index: Tensor) -> Tensor:
    """Return out with out[i][j][k] = src[i][index[i][j][k]][k] (for dim = 1), shaped like index."""
    rank = index.dim()
    coordinates: list[Tensor] = []
    for d, size in enumerate(index.shape):
        position = torch.arange(size, device=index.device)  # (size,)
        trailing = (None,) * (rank - 1 - d)
        coordinates.append(position[(slice(None), *trailing)])  # (size, 1, ..., 1)
    coordinates[dim] = index
    return src[tuple(coordinates)]  # all coordinates broadcast to index.shape


def split_heads(x: Tensor, num_heads: int) -> Tensor:
    """Return (B, H, T, D) from (B, T, C): head h holds channels h * D to (h + 1) * D."""
    batch, time, channels = x.shape
    if num_heads < 1 or channels % num_heads:
        raise ValueError(f"{num_heads} heads do not divide {channels} channels")
    heads = x.reshape(batch, time, num_heads, channels // num_heads)  # (B, T, H, D)
    return heads.transpose(1, 2)  # (B, H, T, D)


def merge_heads(x: Tensor) -> Tensor:
    """Return (B, T, C) from (B, H, T, D): the inverse of split_heads."""
    batch, num_heads, time, head_dim = x.shape
    return x.transpose(1, 2).reshape(batch, time, num_heads * head_dim)  # (B, T, H, D) -> (B, T, C)


def token_log_probs(logits: Tensor, targets: Tensor, ignore_index: int = -100) -> Tensor:
    """Return the log-probability (...) of each target (...) under logits (..., V)."""
    log_probs = F.log_softmax(logits, dim=-1)  # (..., V)
    ignored = targets == ignore_index  # (...)
    # ignore_index need not be a row of the vocabulary, so look up token 0 in its place.
    index = targets.masked_fill(ignored, 0).unsqueeze(-1)  # (..., 1)
    picked = gather(log_probs, -1, index).squeeze(-1)  # (...)
    # Filling, unlike multiplying by 0, also works where the value is -inf.
    return picked.masked_fill(ignored, 0.0)


def sliding_windows(x: Tensor, size: int, step: int) -> Tensor:
    """Return the windows (..., N, size) of x (..., L) as a view, N = (L - size) // step + 1."""
    length = x.shape[-1]
    if step < 1 or not 1 <= size <= length:
        raise ValueError(f"no windows of size {size} and step {step} in {length} elements")
    num_windows = (length - size) // step + 1
    stride = x.stride(-1)
    return x.as_strided(
        (*x.shape[:-1], num_windows, size),  # (..., N, size)
        (*x.stride()[:-1], step * stride, stride),
    )
