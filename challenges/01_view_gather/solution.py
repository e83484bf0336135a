"""Views on strides alone, gather by indexing, and three everyday uses of them."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def infer_shape(shape: tuple[int, ...], numel: int) -> tuple[int, ...]:
    """Return `shape` with its -1 replaced; raise ValueError unless it then has `numel` elements."""
    if shape.count(-1) > 1 or any(size < -1 for size in shape):
        raise ValueError(f"sizes must be non-negative, with at most one -1: {shape}")
    if -1 in shape:
        known = math.prod(size for size in shape if size != -1)
        if known == 0:
            raise ValueError(f"-1 could be any size in {shape}")
        shape = tuple(numel // known if size == -1 else size for size in shape)
    if math.prod(shape) != numel:
        raise ValueError(f"shape {shape} does not hold {numel} elements")
    return shape


def merge_dims(x: Tensor) -> list[tuple[int, int]]:
    """Return x as [(numel, stride), ...], neighbouring dims merged where one stride walks both."""
    chunks: list[tuple[int, int]] = []
    for size, stride in zip(x.shape, x.stride(), strict=True):
        if size == 1:
            continue  # its index is always 0, so its stride says nothing
        if chunks and chunks[-1][1] == size * stride:
            outer_numel, _ = chunks.pop()
            chunks.append((outer_numel * size, stride))
        else:
            chunks.append((size, stride))
    return chunks


def view_strides(x: Tensor, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the strides that lay `shape` over the memory of a non-empty x, or raise ValueError."""
    chunks = merge_dims(x)
    strides: list[int] = []
    numel, stride = 1, 1  # what the current chunk still has to give, and the step to walk it
    for size in reversed(shape):
        if numel == 1 and size > 1:
            numel, stride = chunks.pop()
        if numel % size:
            raise ValueError(f"{shape} spans memory that no single stride of x walks")
        strides.append(stride)
        numel, stride = numel // size, stride * size
    return tuple(reversed(strides))


def view(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return a tensor of `shape` over the memory of x, elements in the same row-major order."""
    shape = infer_shape(tuple(shape), x.numel())
    # Without elements no address is ever computed, so any strides will do.
    strides = view_strides(x, shape) if x.numel() else (1,) * len(shape)
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
