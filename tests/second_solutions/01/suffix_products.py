"""Views from suffix products; gather as `take`; log-probabilities relative to the target."""

from itertools import pairwise
from math import prod

import torch
from torch import Tensor


def suffix_products(sizes: tuple[int, ...]) -> list[int]:
    """Return for each dim the number of elements that one step along it skips, row-major."""
    return [prod(sizes[d + 1 :]) for d in range(len(sizes))]


def view_strides(
    shape: tuple[int, ...], strides: tuple[int, ...], new_shape: tuple[int, ...]
) -> tuple[int, ...]:
    """Return the strides of new_shape over memory of this shape and these strides.

    Say that a dim stands at p if one step along it skips p elements in row-major order. Where the
    old strides do not join, some dim of the new shape has to stand as well.
    """
    stands = suffix_products(new_shape)
    if prod(new_shape) != prod(shape):
        raise ValueError(f"{prod(shape)} elements do not fill {new_shape}")
    if prod(shape) == 0:
        return tuple(max(p, 1) for p in stands)

    wide = [d for d in range(len(shape)) if shape[d] > 1]
    old_stands = suffix_products(shape)
    units = {1: 1} | {old_stands[d]: strides[d] for d in wide}
    breaks = [old_stands[wide[-1]]] if wide else []  # always 1
    for left, right in pairwise(wide):
        if strides[left] != shape[right] * strides[right]:
            breaks.append(old_stands[left])
    if any(p not in (*stands, 1) for p in breaks):
        raise ValueError(f"strides {strides} of {shape} do not allow {new_shape}")

    # The chunk that p lies in is the one that begins at the largest break not beyond it.
    begins = [max((b for b in breaks if b <= p), default=1) for p in stands]
    return tuple(p // begin * units[begin] for p, begin in zip(stands, begins, strict=True))


def definite(numel: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Replace the -1 in `shape`; raise ValueError for what is no shape of numel elements."""
    known = prod(size for size in shape if size != -1)
    unknown = shape.count(-1)
    if any(size < -1 for size in shape) or unknown > 1:
        raise ValueError(f"{shape} is no shape")
    if unknown and known == 0:
        raise ValueError(f"the -1 in {shape} could be anything")
    if unknown and numel % known:
        raise ValueError(f"{numel} elements do not fill {shape}")
    return tuple(numel // known if size == -1 else size for size in shape)


def view(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return x in `shape`, in the memory of x."""
    shape = definite(x.numel(), tuple(shape))
    return x.as_strided(shape, view_strides(tuple(x.shape), x.stride(), shape))


def gather(src: Tensor, dim: int, index: Tensor) -> Tensor:
    """Number the elements of src from 0 in row-major order, and take by number."""
    numbers = torch.zeros_like(index)
    for d, skip in enumerate(suffix_products(tuple(src.shape))):
        if d == dim % src.ndim:
            position = index
        else:
            position = torch.arange(index.shape[d], device=index.device)
            position = position[(...,) + (None,) * (src.ndim - 1 - d)]
        numbers = numbers + skip * position
    return src.take(numbers)


def split_heads(x: Tensor, num_heads: int) -> Tensor:
    """(B, T, C) -> (B, H, T, D), by stacking slices of the channels."""
    if num_heads < 1 or x.shape[-1] % num_heads:
        raise ValueError(f"{x.shape[-1]} channels do not make {num_heads} heads")
    return torch.stack(x.tensor_split(num_heads, dim=-1), dim=1)


def merge_heads(x: Tensor) -> Tensor:
    """(B, H, T, D) -> (B, T, C), by laying the heads side by side."""
    return torch.cat(x.unbind(dim=1), dim=-1)


def token_log_probs(logits: Tensor, targets: Tensor, ignore_index: int = -100) -> Tensor:
    """log p(target) = -logsumexp(logits - logit of the target)."""
    ignored = targets == ignore_index
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    wide = torch.where(ignored.unsqueeze(-1), 0.0, wide)  # no -inf in rows that do not count
    picked = gather(wide, -1, torch.where(ignored, 0, targets).unsqueeze(-1))
    log_probs = -(wide - picked).logsumexp(dim=-1)
    return torch.where(ignored, 0.0, log_probs).to(logits.dtype)


def sliding_windows(x: Tensor, size: int, step: int) -> Tensor:
    """(..., L) -> (..., N, size), in the memory of x."""
    length = x.shape[-1]
    if step < 1 or not 1 <= size <= length:
        raise ValueError(f"no windows of {size} at every {step} in {length}")
    *outer, stride = x.stride()
    count = (length - size) // step + 1
    return x.as_strided((*x.shape[:-1], count, size), (*outer, step * stride, stride))
