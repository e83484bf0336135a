"""Old and new dims walked together from the left; gather as one row lookup; cross_entropy."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def view_strides(
    shape: tuple[int, ...], strides: tuple[int, ...], new_shape: tuple[int, ...]
) -> tuple[int, ...]:
    """Match runs of old dims with runs of new dims of the same number of elements.

    The runs are as short as possible, so inside a run every old dim must join the next one.
    """
    if math.prod(shape) != math.prod(new_shape):
        raise ValueError(f"{shape} and {new_shape} do not hold the same number of elements")
    if 0 in shape:
        return (0,) * len(new_shape)
    old = [(n, s) for n, s in zip(shape, strides, strict=True) if n != 1]
    new = [d for d, n in enumerate(new_shape) if n != 1]
    result = [1] * len(new_shape)
    i = j = 0
    while i < len(old):
        first = j
        have, want = old[i][0], new_shape[new[j]]
        while have != want:
            if have < want:
                i += 1
                have *= old[i][0]
                if old[i - 1][1] != old[i][0] * old[i][1]:
                    raise ValueError(f"no view of {shape}, {strides} as {new_shape}")
            else:
                j += 1
                want *= new_shape[new[j]]
        stride = old[i][1]
        for d in reversed(new[first : j + 1]):
            result[d] = stride
            stride *= new_shape[d]
        i, j = i + 1, j + 1
    return tuple(result)


def _infer(numel: int, shape: tuple[int, ...]) -> tuple[int, ...]:
    sizes = list(shape)
    holes = [d for d, size in enumerate(sizes) if size == -1]
    if len(holes) > 1 or min(sizes, default=0) < -1:
        raise ValueError(f"not a shape: {shape}")
    if holes:
        rest = math.prod(size for size in sizes if size != -1)
        if rest == 0:
            raise ValueError(f"cannot infer the -1 in {shape}")
        sizes[holes[0]] = numel // rest  # rounded down: then the shape holds fewer
    return tuple(sizes)


def view(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The strides are all there is to it."""
    sizes = _infer(x.numel(), shape)
    return x.as_strided(sizes, view_strides(tuple(x.shape), x.stride(), sizes))


def gather(src: Tensor, dim: int, index: Tensor) -> Tensor:
    """Cut src to the shape of index, make it a column of elements, select by number."""
    for d in range(src.ndim):
        if d != dim % src.ndim:
            src = src.narrow(d, 0, index.shape[d])
    index = index.movedim(dim, -1)
    lines = src.movedim(dim, -1)  # (..., K): every index looks into the line with its own (...)
    starts = torch.arange(math.prod(index.shape[:-1]), device=index.device) * lines.shape[-1]
    numbers = index + starts.reshape(*index.shape[:-1], 1)
    picked = lines.flatten().index_select(0, numbers.flatten())
    return picked.reshape(index.shape).movedim(-1, dim)


def split_heads(x: Tensor, num_heads: int) -> Tensor:
    """(B, T, C) -> (B, H, T, D) in strides: the channels of a head lie side by side."""
    B, T, C = x.shape
    if num_heads <= 0 or C % num_heads:
        raise ValueError(f"num_heads={num_heads} is no positive divisor of {C}")
    sample, step, channel = x.stride()
    D = C // num_heads
    return x.as_strided((B, num_heads, T, D), (sample, D * channel, step, channel))


def merge_heads(x: Tensor) -> Tensor:
    """(B, H, T, D) -> (B, T, C)."""
    B, H, T, D = x.shape
    return torch.einsum("bhtd->bthd", x).reshape(B, T, H * D)


def token_log_probs(logits: Tensor, targets: Tensor, ignore_index: int = -100) -> Tensor:
    """Minus the cross entropy of each row, on logits whose ignored rows are zeros."""
    rows = logits.flatten(0, -2) if logits.ndim > 1 else logits.unsqueeze(0)
    wanted = targets.reshape(-1)
    if rows.dtype.itemsize < 4:
        rows = rows.float()
    rows = rows.masked_fill((wanted == ignore_index).unsqueeze(1), 0.0)
    losses = F.cross_entropy(rows, wanted, ignore_index=ignore_index, reduction="none")
    return losses.neg().to(logits.dtype).reshape(targets.shape)


def sliding_windows(x: Tensor, size: int, step: int) -> Tensor:
    """(..., L) -> (..., N, size), in the memory of x."""
    length = x.size(-1)
    if not (1 <= size <= length and step >= 1):
        raise ValueError(f"size={size}, step={step} do not fit a length of {length}")
    starts = range(0, length - size + 1, step)
    shape = [*x.shape[:-1], len(starts), size]
    return torch.as_strided(x, shape, [*x.stride()[:-1], x.stride(-1) * step, x.stride(-1)])
