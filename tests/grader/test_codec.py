"""Values and tensors survive the wire; bytes from a stranger give a value or a WireError."""

from __future__ import annotations

import collections
import dataclasses
import json
import math
import struct
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import TensorSpec, serialize

from grader.worker import wire
from grader.worker.codec import MAX_ELEMENTS, MAX_RANK, TEXT_KEPT, Decoder, Encoder
from grader.worker.values import DTYPES, Abstract, Foreign, Origin, Record

settings.register_profile("codec", deadline=None, max_examples=60)
settings.load_profile("codec")

CPU = torch.device("cpu")


def no_object(value: object) -> wire.Node:
    """For values among which there should be no object."""
    raise AssertionError(f"{value!r} is taken for an object")


def no_handle(node: wire.HandleNode) -> object:
    """For messages in which there should be no handle."""
    raise AssertionError(f"{node!r} is not expected")


def out(value: Any) -> Any:
    """The value as the worker receives it from the judge."""
    return travel(value, keep_layout=True, strict=False)


def back(value: Any) -> Any:
    """The value as the judge receives it from the worker."""
    return travel(value, keep_layout=False, strict=True)


def travel(value: Any, keep_layout: bool, strict: bool) -> Any:
    """The value after the wire."""
    encoder = Encoder(keep_layout, no_object)
    header = wire.encode_message(wire.Value(1, encoder.node(value)))
    message = wire.decode_reply(header)
    assert isinstance(message, wire.Value)
    decoder = Decoder(encoder.payload(), strict=strict, device=CPU, on_handle=no_handle)
    return decoder.value(message.value)


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, of the same types, tensors bit by bit."""
    if type(one) is not type(other):
        return False
    if isinstance(one, torch.Tensor):
        return bits(one) == bits(other)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    return bool(one == other) and repr(one) == repr(other)


def bits(tensor: torch.Tensor) -> tuple[torch.dtype, torch.Size, bytes]:
    """Everything about a tensor but its layout."""
    data = tensor.detach().clone(memory_format=torch.contiguous_format)
    return tensor.dtype, tensor.shape, bytes(data.reshape(-1).view(torch.uint8).tolist())


@st.composite
def tensors(draw: st.DrawFn) -> torch.Tensor:
    """Tensors of every dtype with any bits in them, NaN and infinities included."""
    dtype = draw(st.sampled_from(list(DTYPES.values())))
    shape = draw(st.lists(st.integers(0, 3), max_size=4))
    count = math.prod(shape)
    if dtype == torch.bool:
        flags = draw(st.lists(st.booleans(), min_size=count, max_size=count))
        return torch.tensor(flags, dtype=torch.bool).reshape(shape)
    size = count * dtype.itemsize
    data = draw(st.binary(min_size=size, max_size=size))
    if not data:
        return torch.empty(shape, dtype=dtype)
    return torch.frombuffer(bytearray(data), dtype=dtype).reshape(shape).clone()


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.complex_numbers(allow_nan=False),
    st.text(max_size=20),
    st.binary(max_size=20),
    st.sampled_from(list(DTYPES.values())),
    st.sampled_from([torch.device("cpu"), torch.device("cuda:1"), torch.device("meta")]),
)
KEYS = st.one_of(st.none(), st.integers(), st.text(max_size=5), st.tuples(st.integers(), st.text()))
VALUES = st.recursive(
    SCALARS | tensors(),
    lambda children: st.one_of(
        st.lists(children, max_size=3),
        st.lists(children, max_size=3).map(tuple),
        st.dictionaries(KEYS, children, max_size=3),
    ),
    max_leaves=10,
)


@given(VALUES)
def test_values_survive_both_ways(value: Any) -> None:
    """Nested values of any kind are the same after the wire, out and back, bit by bit."""
    assert same(out(value), value)
    assert same(back(value), value)


def test_nan_survives() -> None:
    """A float that is no number stays one."""
    assert math.isnan(back(math.nan))


# Out: strides, offsets and sharing.


def view_ops(draw: st.DrawFn, tensor: torch.Tensor) -> torch.Tensor:
    """The tensor after one change of view."""
    kind = draw(st.sampled_from(["transpose", "narrow", "step", "unsqueeze", "expand", "select"]))
    if not tensor.dim() or kind == "unsqueeze":
        return tensor.unsqueeze(0)
    dim = draw(st.integers(0, tensor.dim() - 1))
    size = tensor.shape[dim]
    if kind == "transpose":
        return tensor.transpose(dim, 0)
    if kind == "narrow":
        start = draw(st.integers(0, size))
        return tensor.narrow(dim, start, draw(st.integers(0, size - start)))
    if kind == "step":
        return tensor[(slice(None),) * dim + (slice(None, None, draw(st.integers(1, 3))),)]
    if kind == "expand":
        return tensor.unsqueeze(dim).expand(*tensor.shape[:dim], 3, *tensor.shape[dim:])
    return tensor.select(dim, draw(st.integers(0, size - 1))) if size else tensor


@st.composite
def views(draw: st.DrawFn) -> torch.Tensor:
    """Views of any strides and offset into a storage."""
    dtype = draw(st.sampled_from([torch.float64, torch.bfloat16, torch.bool, torch.complex64]))
    shape = draw(st.lists(st.integers(1, 4), min_size=1, max_size=3))
    tensor = torch.arange(math.prod(shape)).to(dtype).reshape(shape)
    for _ in range(draw(st.integers(0, 4))):
        tensor = view_ops(draw, tensor)
    return tensor


@settings(max_examples=150)
@given(views())
def test_layout_survives_on_the_way_out(view: torch.Tensor) -> None:
    """Shape, strides, offset and size of the storage arrive as they were, with the values."""
    arrived = out(view)

    assert (arrived.shape, arrived.stride()) == (view.shape, view.stride())
    assert arrived.storage_offset() == view.storage_offset()
    assert arrived.untyped_storage().nbytes() == view.untyped_storage().nbytes()
    assert bits(arrived) == bits(view)


@given(views())
def test_what_comes_back_is_contiguous(view: torch.Tensor) -> None:
    """On the way back a tensor is its values alone: contiguous, filling its own storage."""
    arrived = back(view)

    assert arrived.is_contiguous()
    assert arrived.storage_offset() == 0
    assert arrived.untyped_storage().nbytes() == view.numel() * view.element_size()
    assert bits(arrived) == bits(view)


OVERLAPPING = torch.arange(6.0).as_strided((4, 3), (1, 1))
HIDING: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "prefix": lambda data: data[:, :3],
    "prefix_of_one_row": lambda data: data[:1, :3].contiguous(),
    "every_second": lambda data: data[:, ::2],
    "column": lambda data: data[:, 2],
    "single": lambda data: data[1, 1],
    "none": lambda data: data[:, :0],
    "expanded": lambda data: data[:, :1].expand(4, 5),
    "windows": lambda data: data[0].unfold(0, 3, 1)[:2],
}


@pytest.mark.parametrize("name", HIDING)
def test_what_a_view_hides_is_not_sent(name: str) -> None:
    """Elements of a storage that no tensor of the message reaches do not leave the judge."""
    data = torch.arange(100, 124, dtype=torch.float64).reshape(4, 6)
    view = HIDING[name](data)
    arrived = torch.empty(0, dtype=torch.float64).set_(out(view).untyped_storage())
    sent = set(arrived.tolist()) - {0.0}

    assert sent == set(view.reshape(-1).tolist())


def test_overlapping_windows_arrive_as_windows() -> None:
    """A view in which elements overlap keeps its strides, and so its overlap."""
    arrived = out(OVERLAPPING)
    arrived[0, 1] = -1.0

    assert arrived[1, 0] == -1.0


def test_arguments_that_share_memory_share_it_there() -> None:
    """Two views of one storage, in different places of the arguments, are views of one storage."""
    data = torch.arange(6.0)
    one, nested = out((data[:3], {"more": [data[1:]]}))
    one[1] = 50.0

    assert nested["more"][0][0] == 50.0


def test_views_together_reach_what_each_reaches() -> None:
    """Of a shared storage all that one or the other view reaches is sent."""
    data = torch.arange(1.0, 7.0)
    one, other = out((data[:2], data[4:]))

    assert (one.tolist(), other.tolist()) == ([1.0, 2.0], [5.0, 6.0])


def test_arguments_that_do_not_share_memory_stay_apart() -> None:
    """Equal tensors with storages of their own do not become one."""
    one, other = out([torch.zeros(3), torch.zeros(3)])
    one[0] = 1.0

    assert other.tolist() == [0.0, 0.0, 0.0]


def test_one_storage_under_two_dtypes_is_shared() -> None:
    """A view of the same bytes as another dtype is one of the same bytes there."""
    data = torch.zeros(2, dtype=torch.int64)
    number, raw = out((data, data.view(torch.uint8)))
    raw[0] = 7

    assert number.tolist() == [7, 0]


@pytest.mark.parametrize("wanted", [True, False])
@pytest.mark.parametrize("way", [out, back])
def test_requires_grad_survives(way: Callable[[Any], Any], wanted: bool) -> None:
    """A tensor that requires grad does so after the wire, one that does not does not."""
    assert way(torch.ones(2, requires_grad=wanted)).requires_grad is wanted


def test_a_result_is_a_leaf() -> None:
    """A tensor from the middle of a graph arrives as one that requires grad, without the graph."""
    arrived = back(torch.ones(2, requires_grad=True) * 3)

    assert arrived.requires_grad
    assert arrived.is_leaf


@pytest.mark.parametrize("lazy", [torch.Tensor.conj, lambda data: data.conj().imag])
def test_lazy_conjugates_and_negatives_are_carried_out(lazy: Callable[..., torch.Tensor]) -> None:
    """Bits that say "conjugate" or "negate when read" are applied before the bytes are sent."""
    data = lazy(torch.tensor([1 + 2j, 3 - 4j]))

    assert torch.equal(out(data), data.resolve_conj().resolve_neg())
    assert torch.equal(back(data), data.resolve_conj().resolve_neg())


# What is more, or less, than plain data.


class Subclass(torch.Tensor):
    """A tensor that is not plain."""


@pytest.mark.parametrize(
    ("value", "origin"),
    [
        (torch.ones(2), Origin("cpu", "")),
        (torch.nn.Parameter(torch.ones(2)), Origin("cpu", "")),
        (torch.ones(2).as_subclass(Subclass), Origin("cpu", "Subclass")),
    ],
    ids=["plain", "parameter", "subclass"],
)
def test_tensors_arrive_plain_with_their_origin(value: torch.Tensor, origin: Origin) -> None:
    """Whatever class a tensor had, a torch.Tensor arrives that remembers it."""
    arrived = back(value)

    assert type(arrived) is torch.Tensor
    assert arrived.origin == origin


@pytest.mark.parametrize(
    "value",
    [
        torch.eye(2).to_sparse(),
        torch.ones(2).to(torch.float8_e4m3fn),
        torch.empty(1, dtype=torch.float32).expand(MAX_ELEMENTS + 1),
    ],
    ids=["sparse", "float8", "too_large"],
)
def test_tensors_of_other_kinds_arrive_by_name(value: torch.Tensor) -> None:
    """What cannot be sent as a tensor is a Foreign, with words about it."""
    arrived = back(value)

    assert isinstance(arrived, Foreign)
    assert "tensor" in arrived.type_name


def test_meta_tensors_arrive_without_data() -> None:
    """A tensor without data arrives as its shape and dtype."""
    value = torch.empty(2, 3, dtype=torch.bfloat16, device="meta")

    assert back(value) == Abstract((2, 3), torch.bfloat16, "meta")


@dataclasses.dataclass
class Result:
    """A result of a hand-in."""

    loss: float
    parts: list[torch.Tensor]


Pair = collections.namedtuple("Pair", ["left", "right"])


def test_dataclasses_and_named_tuples_are_records() -> None:
    """Fields are there by name, in order, with their values."""
    result, pair = back((Result(0.5, [torch.ones(1)]), Pair(1, "b")))

    assert (result.type_name, result.loss, result.parts[0].tolist()) == ("Result", 0.5, [1.0])
    assert pair == Record("Pair", {"left": 1, "right": "b"})


def test_an_unknown_field_is_an_attribute_error() -> None:
    """A Record has the fields that came and no others."""
    with pytest.raises(AttributeError, match="Pair has no field 'middle'"):
        _ = back(Pair(1, 2)).middle


@pytest.mark.parametrize(
    "value",
    [{torch.float32: 1}, {b"a": 1}, {1j: 1}, {torch.ones(1): 1}, {CPU: 1}],
    ids=["dtype", "bytes", "complex", "tensor", "device"],
)
def test_a_dict_that_is_no_plain_data_arrives_by_name(value: dict[Any, int]) -> None:
    """A learner's dict with unusual keys is something foreign, never a broken protocol."""
    assert isinstance(back(value), Foreign)


def test_values_without_end_are_cut_off() -> None:
    """A list that holds itself arrives, to a certain depth."""
    value: list[Any] = []
    value.append(value)
    arrived, depth = back(value), 0
    while isinstance(arrived, list):
        arrived, depth = arrived[0], depth + 1

    assert isinstance(arrived, Foreign)
    assert depth <= wire.MAX_DEPTH + 1


def test_long_texts_are_clipped() -> None:
    """Of a text or of bytes the beginning arrives."""
    assert back("ä" * (TEXT_KEPT + 1)) == "ä" * TEXT_KEPT
    assert back(b"x" * (TEXT_KEPT + 1)) == b"x" * TEXT_KEPT


def test_text_without_a_utf8_form_arrives() -> None:
    """A lone surrogate is replaced; the rest of the text stays."""
    assert back("a\ud800b") == "a?b"


def test_an_integer_of_thousands_of_digits_arrives_by_name() -> None:
    """No integer costs more than it is worth."""
    assert isinstance(back(1 << 20_000), Foreign)


# Strict: bytes from a stranger.


def payload(*storages: bytes, dtype: str = "uint8") -> bytes:
    """A safetensors payload with these storages, under "0", "1", …."""
    tensors = [torch.frombuffer(bytearray(data or b"x"), dtype=torch.uint8) for data in storages]
    return serialize(
        {
            str(number): TensorSpec(
                dtype=dtype, shape=[len(data)], data_ptr=tensor.data_ptr(), data_len=len(data)
            )
            for number, (data, tensor) in enumerate(zip(storages, tensors, strict=True))
        }
    )


def strict(node: wire.Node, *storages: bytes) -> Any:
    """The value of a node that came with these storages from a worker."""
    decoder = Decoder(payload(*storages), strict=True, device=CPU, on_handle=no_handle)
    return decoder.value(node)


def node(
    shape: list[int],
    stride: list[int] | None = None,
    offset: int = 0,
    dtype: str = "float32",
    storage: int = 0,
    device: str = "cpu",
) -> wire.TensorNode:
    """A tensor's node."""
    steps = [1] * len(shape) if stride is None else stride
    return wire.TensorNode(storage, dtype, shape, steps, offset, False, device)


FOUR = bytes(range(16))  # four float32
BAD_TENSORS: dict[str, wire.TensorNode] = {
    "too_many_bytes": node([3]),
    "too_few_bytes": node([5]),
    "no_bytes": node([4], storage=1),
    "negative_storage": node([4], storage=-1),
    "negative_size": node([-4]),
    "negative_sizes_whose_product_fits": node([-2, -2]),
    "negative_stride": node([4], [-1]),
    "negative_offset": node([4], offset=-1),
    "offset": node([2], offset=2),
    "another_rank": node([4], []),
    "stride_without_size": node([], [1]),
    "rank_too_high": node([1] * (MAX_RANK + 1) + [4]),
    "size_beyond_all_bounds": node([2**63]),
    "sizes_that_overflow_to_fit": node([2**32, 2**32]),
    "sizes_that_overflow_to_four": node([2**31, 2**31, 4]),
    "empty_but_enormous": node([0, 2**40]),
    "unknown_dtype": node([4], dtype="float33"),
    "dtype_by_attribute": node([4], dtype="Tensor"),
    "quantized_dtype": node([16], dtype="quint8"),
    "unknown_device": node([4], device="toaster"),
}


@pytest.mark.parametrize("name", BAD_TENSORS)
def test_a_tensor_that_does_not_fit_its_bytes_is_refused(name: str) -> None:
    """Every number in a stranger's tensor is checked against the bytes that came with it."""
    with pytest.raises(wire.WireError):
        strict(BAD_TENSORS[name], FOUR)


@pytest.mark.parametrize("stride", [[0], [2**63], [2**64 - 1]])
def test_strides_of_a_stranger_are_not_used(stride: list[int]) -> None:
    """The bytes are read as a contiguous tensor, whatever the strides say."""
    assert strict(node([4], stride), FOUR).stride() == (1,)


SMALL = st.integers(-2, 5) | st.sampled_from([2**31, 2**32, 2**63, 2**64 - 1, -(2**63)])
SHAPES = st.lists(SMALL, max_size=4)
ANY_TENSOR = st.builds(
    wire.TensorNode,
    st.integers(-1, 2),
    st.sampled_from([*DTYPES, "float8", ""]),
    SHAPES,
    SHAPES,
    SMALL,
    st.booleans(),
    st.sampled_from(["cpu", "cuda:0", "meta", "cpu:9", "", "\0"]),
    st.text(max_size=3),
)


@settings(max_examples=300)
@given(ANY_TENSOR, st.lists(st.binary(max_size=40), min_size=1, max_size=2))
def test_any_tensor_of_a_stranger_is_a_tensor_or_wire_error(
    tensor: wire.TensorNode, storages: list[bytes]
) -> None:
    """Whatever the numbers in a node, it gives a tensor of just these bytes or WireError."""
    try:
        value = strict(tensor, *storages)
    except wire.WireError:
        return

    assert value.is_contiguous()
    assert list(value.shape) == tensor.shape
    assert value.numel() * value.element_size() == len(storages[tensor.storage])


@given(st.binary(max_size=100))
def test_any_payload_is_storages_or_wire_error(data: bytes) -> None:
    """Bytes that are no safetensors file are refused."""
    for candidate in (data, struct.pack("<Q", len(data)) + data):
        try:
            Decoder(candidate, strict=True, device=CPU, on_handle=no_handle)
        except wire.WireError:
            continue


OFFSETS = st.tuples(SMALL, SMALL).map(list)
ENTRIES = st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["U8", "F32", "I64", "F4", "x", 1]),
        "shape": SHAPES,
        "data_offsets": OFFSETS | st.just([0, 4]),
    }
)


@given(st.dictionaries(st.sampled_from(["0", "1", "__metadata__"]), ENTRIES), st.binary(max_size=8))
def test_any_safetensors_header_is_storages_or_wire_error(entries: Any, data: bytes) -> None:
    """A safetensors header with any numbers in it gives storages or WireError."""
    header = json.dumps(entries).encode()
    try:
        decoder = Decoder(
            struct.pack("<Q", len(header)) + header + data,
            strict=True,
            device=CPU,
            on_handle=no_handle,
        )
    except wire.WireError:
        return

    assert sum(map(len, decoder._storages.values())) <= len(data)


def test_a_storage_that_is_not_bytes_is_refused() -> None:
    """safetensors' own dtypes are not used: bytes are bytes."""
    with pytest.raises(wire.WireError):
        Decoder(payload(FOUR[:4], dtype="int8"), strict=True, device=CPU, on_handle=no_handle)


def test_a_bool_is_zero_or_one() -> None:
    """Any byte but zero in a stranger's bool tensor becomes one: anything else misleads kernels."""
    value = strict(node([4], dtype="bool"), bytes([0, 1, 2, 255]))

    assert value.view(torch.uint8).tolist() == [0, 1, 1, 1]


def test_a_storage_named_often_is_held_once() -> None:
    """A short message cannot make the judge hold the same bytes many times over."""
    for dtype in ("bool", "uint8"):
        twice = wire.SequenceNode("list", [node([16], dtype=dtype), node([16], dtype=dtype)])
        one, other = strict(twice, FOUR)

        assert one.data_ptr() == other.data_ptr()


def test_only_float_tensors_require_grad() -> None:
    """A node that says that an integer requires grad does not make torch raise."""
    claim = wire.TensorNode(0, "int32", [4], [1], 0, True, "cpu")

    assert strict(claim, FOUR).requires_grad is False


LIST = wire.SequenceNode("list", [])
BAD_NODES: dict[str, wire.Node] = {
    "dtype": wire.DtypeNode("load"),
    "device": wire.DeviceNode("cuda:-1"),
    "integer": wire.BigIntNode("ten"),
    "key_twice": wire.MappingNode([("a", 1), ("a", 2)]),
    "equal_keys": wire.MappingNode([(1, 1), (1.0, 2)]),
    "list_as_key": wire.MappingNode([(LIST, 1)]),
    "list_in_a_key": wire.MappingNode([(wire.SequenceNode("tuple", [LIST]), 1)]),
    "dict_as_key": wire.MappingNode([(wire.MappingNode([]), 1)]),
    "field_twice": wire.RecordNode("R", [("a", 1), ("a", 2)]),
}


@pytest.mark.parametrize("name", BAD_NODES)
def test_a_node_that_stands_for_no_value_is_refused(name: str) -> None:
    """Names that are none, keys that cannot be and things said twice are WireErrors."""
    with pytest.raises(wire.WireError):
        strict(BAD_NODES[name])


def test_a_payload_of_nothing_is_nothing() -> None:
    """A message without tensors has no payload at all."""
    encoder = Encoder(keep_layout=False, on_object=no_object)
    encoder.node([1, "a", None])

    assert encoder.payload() == b""


def test_objects_are_named_by_their_keeper() -> None:
    """What is no plain data is given to `on_object`, and a handle to `on_handle`."""
    kept: list[object] = []

    def keep(value: object) -> wire.Node:
        kept.append(value)
        return wire.HandleNode(7, [], "object")

    thing = object()
    handle = Encoder(keep_layout=False, on_object=keep).node([thing])
    decoder = Decoder(b"", strict=True, device=CPU, on_handle=lambda node: node.root)

    assert kept == [thing]
    assert decoder.value(handle) == [7]
