"""The operators that the judge repeats, and for each how many elements its result can have.

A stranger chooses operators and arguments, so the size of a result is bounded before it is computed.
What is not in the table is not repeated. Left out on purpose: whatever draws random numbers, changes a
storage (resize_, set_, out=), sizes its result by values (bincount, repeat_interleave by a tensor), or
does not check its indices.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from itertools import zip_longest
from typing import Any, Final, NamedTuple

import torch

from grader.worker.values import leaves

MAX_NUMEL: Final = 1_000_000
PIECE: Final = 250
"""What one of many result tensors counts, in elements."""

_FLAGS: Final = (torch.bool, torch.uint8)
Bound = Callable[[tuple[Any, ...], dict[str, Any]], int]


class Operator(NamedTuple):
    """One overload, and the most elements that a call of it computes."""

    overload: Callable[..., Any]
    bound: Bound


def of_memory(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """Views compute nothing."""
    return 0


def of_strides(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """Raise ValueError for strides that leave the storage: not every operator of torch checks it."""
    tensor, size, stride = args[:3]
    offset = args[3] if len(args) > 3 else None
    start = tensor.storage_offset() if offset is None else offset
    if len(size) != len(stride) or start < 0 or min([*size, *stride, 0]) < 0:
        raise ValueError("sizes and strides that do not fit")
    last = start + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if 0 not in size and last >= tensor.untyped_storage().nbytes() // tensor.element_size():
        raise ValueError("strides that leave the storage")
    return 0


def of_pieces(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """A tensor for each index along some dim, at most."""
    return PIECE * max(args[0].shape, default=1)


def of_broadcast(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """The shape of all tensors together; no less than any of them, so for reductions as well."""
    return broadcast(leaves((args, kwargs)))


def of_quotient(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """Like of_broadcast; raise OverflowError where the smallest of the whole numbers is divided by -1.

    That has no result in its dtype, and the processor ends the process.
    """
    number, divisor = args[:2]
    if not number.is_floating_point() and not number.is_complex() and number.dtype != torch.bool:
        smallest = torch.iinfo(number.dtype).min
        by_minus_one = divisor == -1
        if isinstance(by_minus_one, torch.Tensor):
            by_minus_one = bool(by_minus_one.any())
        if by_minus_one and bool((number == smallest).any()):
            raise OverflowError("a quotient beyond its dtype")
    return of_broadcast(args, kwargs)


def broadcast(tensors: Iterable[torch.Tensor]) -> int:
    """Return how many elements the tensors have together; dims without elements count as one."""
    shapes = [reversed(tensor.shape) for tensor in tensors]
    return math.prod(max(1, *sizes) for sizes in zip_longest(*shapes, fillvalue=1))


def of_all(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """The elements of all tensors, one after the other."""
    return sum(max(1, tensor.numel()) for tensor in leaves((args, kwargs)))


def of_index(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """src[i, j, :]: the indices together, times the dims that are not indexed, and the values."""
    tensor, indices = args[0], args[1]
    masks = [index for index in indices if index is not None and index.dtype in _FLAGS]
    others = [index for index in indices if index is not None and index.dtype not in _FLAGS]
    rest, dim = 1, 0
    for index in indices:
        rest *= tensor.shape[dim] if index is None else 1
        dim += index.dim() if index is not None and index.dtype in _FLAGS else 1
    rest *= math.prod(tensor.shape[dim:])
    picked = broadcast(others) * math.prod(max(1, mask.numel()) for mask in masks)
    return int(max(1, picked) * max(1, rest)) + of_all(args, kwargs)


def of_select(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """index_select: a slice for each index."""
    tensor, dim, index = args
    along = tensor.shape[dim] if tensor.dim() else 1
    return int(tensor.numel() // max(1, along) * index.numel())


def of_rows(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """embedding: a row for each index."""
    return int(args[0].shape[-1] * args[1].numel())


def of_size(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """zeros(size) and the like."""
    return _product(args[0])


def of_new_size(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """x.new_zeros(size) and the like."""
    return _product(args[1])


def of_squares(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """eye: rows times columns."""
    return int(max(1, args[0]) * max(1, args[-1]))


def of_range(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """arange: the steps from start to end."""
    start, end = (0, args[0]) if len(args) == 1 else args[:2]
    steps: float = (end - start) / (args[2] if len(args) > 2 else 1)
    return math.ceil(steps)


def of_steps(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """linspace: as many as it is told."""
    return int(args[2])


def of_repeats(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """repeat: so many copies of all."""
    return _product([args[0].numel(), *args[1]])


def of_padding(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """constant_pad_nd: pairs of widths, the last dim first."""
    widths = [max(0, n) for n in args[1]]
    sizes = zip_longest(reversed(args[0].shape), widths[::2], widths[1::2], fillvalue=0)
    return _product(map(sum, sizes))


def of_places(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """nonzero: the coordinates of each element, at most."""
    return int(args[0].numel() * max(1, args[0].dim()))


def of_product(args: tuple[Any, ...], kwargs: dict[str, Any]) -> int:
    """Products of matrices: a multiplication for each row, column and summand."""
    left, right = args[-2], args[-1]
    return int(max(1, left.numel()) * max(1, right.shape[-1])) + of_all(args, kwargs)


def _product(sizes: Iterable[int]) -> int:
    return math.prod(max(1, size) for size in sizes)


# A name without a dot stands for its "default" overload.
_NAMES: Final[dict[Bound, str]] = {
    of_memory: """
        alias detach lift_fresh t transpose.int permute expand squeeze squeeze.dim squeeze.dims
        unsqueeze select.int slice.Tensor diagonal unfold view _unsafe_view
        t_ transpose_ squeeze_ squeeze_.dim squeeze_.dims unsqueeze_
    """,
    of_strides: "as_strided as_strided_ _reshape_alias",
    of_pieces: "split.Tensor split_with_sizes unbind.int",
    of_broadcast: """
        abs neg exp exp2 expm1 log log2 log1p log10 sqrt rsqrt reciprocal sin cos tanh sigmoid relu
        erf sign floor ceil round trunc frac isnan isinf logical_not bitwise_not softplus silu gelu
        add.Tensor add.Scalar sub.Tensor sub.Scalar rsub.Tensor rsub.Scalar mul.Tensor mul.Scalar
        div.Tensor div.Scalar
        pow.Tensor_Scalar pow.Tensor_Tensor pow.Scalar maximum minimum fmax fmin
        eq.Tensor eq.Scalar ne.Tensor ne.Scalar lt.Tensor lt.Scalar le.Tensor le.Scalar
        gt.Tensor gt.Scalar ge.Tensor ge.Scalar logical_and logical_or logical_xor
        bitwise_and.Tensor bitwise_and.Scalar bitwise_or.Tensor bitwise_or.Scalar
        bitwise_xor.Tensor bitwise_xor.Scalar logaddexp xlogy.Tensor
        where.self where.ScalarSelf where.ScalarOther where.Scalar
        masked_fill.Scalar masked_fill.Tensor clamp clamp.Tensor clamp_min clamp_min.Tensor
        clamp_max clamp_max.Tensor lerp.Scalar lerp.Tensor addcmul addcdiv nan_to_num
        clone _to_copy copy fill.Scalar fill.Tensor lift_fresh_copy
        zeros_like ones_like full_like empty_like
        cumsum cumprod logcumsumexp _softmax _log_softmax sort sort.stable argsort argsort.stable
        flip roll tril triu
        sum sum.dim_IntList mean mean.dim prod prod.dim_int amax amin max max.dim min min.dim
        argmax argmin aminmax any any.dim any.dims all all.dim all.dims logsumexp
        var.correction std.correction count_nonzero count_nonzero.dim_IntList
        linalg_vector_norm topk _is_all_true _is_any_true
        nll_loss_forward nll_loss2d_forward
        gather take scatter.src scatter.value scatter_add scatter_reduce.two
        masked_select masked_scatter index_fill.int_Scalar index_fill.int_Tensor
        select_scatter slice_scatter diagonal_scatter
        add_.Tensor add_.Scalar sub_.Tensor sub_.Scalar mul_.Tensor mul_.Scalar
        div_.Tensor div_.Scalar pow_.Scalar neg_ abs_ exp_ log_ sqrt_ relu_
        bitwise_and_.Tensor bitwise_or_.Tensor bitwise_not_ logical_and_ logical_or_ logical_not_
        masked_fill_.Scalar masked_fill_.Tensor clamp_ clamp_min_ clamp_max_ nan_to_num_
        copy_ fill_.Scalar fill_.Tensor zero_ cumsum_
        scatter_.src scatter_.value scatter_add_ scatter_reduce_.two masked_scatter_
        index_fill_.int_Scalar index_fill_.int_Tensor
    """,
    of_quotient: """
        div.Tensor_mode div.Scalar_mode floor_divide floor_divide.Scalar
        floor_divide_.Tensor floor_divide_.Scalar remainder.Tensor remainder.Scalar
        remainder_.Tensor remainder_.Scalar fmod.Tensor fmod.Scalar
    """,
    of_all: "scalar_tensor cat stack index_add index_add_ index_copy index_copy_",
    of_index: "index.Tensor index_put index_put_",
    of_select: "index_select",
    of_rows: "embedding",
    of_size: "zeros ones full empty.memory_format",
    of_new_size: "new_zeros new_ones new_full new_empty",
    of_squares: "eye eye.m",
    of_range: "arange arange.start arange.start_step",
    of_steps: "linspace",
    of_repeats: "repeat",
    of_padding: "constant_pad_nd",
    of_places: "nonzero",
    of_product: "mm bmm mv dot addmm baddbmm",
}
UNINITIALISED: Final = frozenset(
    f"aten.{name}" for name in ("empty_like.default", "empty.memory_format", "new_empty.default")
)
"""Their results hold what the judge's memory held before: expected values, for instance."""


def _table() -> dict[str, Operator]:
    table = {}
    for bound, names in _NAMES.items():
        for name in names.split():
            packet, _, overload = name.partition(".")
            overload = overload or "default"
            # Some overloads are younger than the oldest torch that is supported.
            found = getattr(getattr(torch.ops.aten, packet, None), overload, None)
            if found is not None:
                table[f"aten.{packet}.{overload}"] = Operator(found, bound)
    return table


TABLE: Final[dict[str, Operator]] = _table()
