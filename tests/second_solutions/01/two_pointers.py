"""Old and new dims walked together from the left; gather as one row lookup; cross_entropy."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def _infer(numel: int, shape: tuple[int, ...]) -> list[int]:
    sizes = list(shape)
    holes = [d for d, size in enumerate(sizes) if size == -1]
    if len(holes) > 1 or min(sizes, default=0) < -1:
        raise ValueError(f"not a shape: {shape}")
    if holes:
        rest = math.prod(size for size in sizes if size != -1)
        if rest == 0 or numel % rest:
            raise ValueError(f"cannot infer the -1 in {shape} for {numel} elements")
        sizes[holes[0]] = numel // rest
    if math.prod(sizes) != numel:
        raise ValueError(f"{shape} does not hold {numel} elements")
    return sizes


def view(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Match runs of old dims with runs of new dims of the same number of elements.

    The runs are as short as possible, so inside a run every old dim must join the next one.
    """
    sizes = _infer(x.numel(), shape)
    if x.numel() == 0:
        return x.as_strided(sizes, [0] * len(sizes))
    old = [(n, s) for n, s in zip(x.shape, x.stride(), strict=True) if n != 1]
    new = [d for d, n in enumerate(sizes) if n != 1]
    strides = [1] * len(sizes)
    i = j = 0
    while i < len(old):
        first = j
        have, want = old[i][0], sizes[new[j]]
        while have != want:
            if have < want:
                i += 1
                have *= old[i][0]
                if old[i - 1][1] != old[i][0] * old[i][1]:
                    raise ValueError(f"no view of {tuple(x.shape)}, {x.stride()} as {shape}")
            else:
                j += 1
                want *= sizes[new[j]]
        stride = old[i][1]
        for d in reversed(new[first : j + 1]):
            strides[d] = stride
            stride *= sizes[d]
        i, j = i + 1, j + 1
    return x.as_strided(sizes, strides)


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
