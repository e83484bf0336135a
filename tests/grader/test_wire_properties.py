"""The trusted end under fire: whatever bytes arrive, a value, a feedback or a violation comes of them."""

from __future__ import annotations

import ast
import copy
import importlib.util
import json
import struct
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import grader
from grader import words
from grader.challenge import Challenge, Limits
from grader.session import Session, SubmissionError
from grader.transport import SessionLost
from grader.worker import wire
from grader.worker.codec import Decoder, Encoder
from grader.worker.values import DTYPES, Foreign, Record

settings.register_profile("fire", deadline=None, max_examples=100)
settings.load_profile("fire")

CPU = torch.device("cpu")
GRADER = Path(grader.__file__).parent
SMALL = wire.FrameLimits(header=1 << 12, payload=1 << 12)
MIB = 1 << 20


class Answering:
    """A transport whose every answer is made from the number of the question."""

    def __init__(self, answer: Callable[[int], wire.Frame]) -> None:
        self._answer = answer

    def exchange(self, frame: wire.Frame, seconds: float) -> wire.Frame:
        """Return the answer."""
        request = wire.decode_request(frame.header)
        assert not isinstance(request, wire.Leave)
        return self._answer(request.id)

    def send(self, frame: wire.Frame, seconds: float) -> None:
        """Nothing is expected."""


def told(node: wire.Node, payload: bytes = b"") -> Any:
    """What a spec gets when the worker's value is this node."""

    def answer(number: int) -> wire.Frame:
        return wire.Frame(wire.encode_message(wire.Value(number, node)), payload)

    return Session(Answering(answer), CPU, Limits()).remote("submission").f()


def refused(node: wire.Node, payload: bytes = b"") -> str:
    """The reason for which the session is lost when the worker's value is this node."""
    with pytest.raises(SessionLost) as caught:
        told(node, payload)
    assert caught.value.status == "violation"
    return str(caught.value)


def storages(listed: Any, data: bytes = b"") -> bytes:
    """A safetensors payload with this list, as JSON or as bytes."""
    text = listed if isinstance(listed, bytes) else json.dumps(listed).encode()
    return struct.pack("<Q", len(text)) + text + data


def one_storage(data: bytes) -> bytes:
    """A payload with one storage."""
    return storages(
        {"0": {"dtype": "U8", "shape": [len(data)], "data_offsets": [0, len(data)]}}, data
    )


def tensor(shape: list[int], stride: list[int] | None = None, **fields: Any) -> wire.TensorNode:
    """The node of a tensor on storage 0."""
    steps = [1] * len(shape) if stride is None else stride
    told = {"storage": 0, "dtype": "float32", "offset": 0, "requires_grad": False, "device": "cpu"}
    return wire.TensorNode(**{**told, "shape": shape, "stride": steps, **fields})


def peak_mib(action: Callable[[], object]) -> float:
    """The most memory that Python held during the action, in MiB."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1] / MIB
    finally:
        tracemalloc.stop()


# The fuzz run, in small.


@pytest.fixture
def fuzz_wire(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """benchmarks/fuzz_wire.py as a module; every question has the number that its answers know."""
    path = GRADER.parent / "benchmarks" / "fuzz_wire.py"
    if not path.exists():
        pytest.skip("only in a clone")
    spec = importlib.util.spec_from_file_location("fuzz_wire", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr("grader.session._new_id", lambda: module.NUMBER)
    return module


@pytest.mark.filterwarnings("ignore:Casting complex values")
def test_ten_thousand_damaged_answers(fuzz_wire: ModuleType) -> None:
    """Real answers damaged in every way give a value, a feedback or a violation, and each occurs."""
    counted = fuzz_wire.fuzz(10_000, seed=1)

    assert counted.total() == 10_000
    assert min(counted[kind] for kind in ("value", "feedback", "violation", "cut short")) >= 20


def test_the_fuzz_run_notices_another_exception(
    fuzz_wire: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A trusted end that raises anything else is found, with the frame that did it."""
    target = fuzz_wire.Target()
    monkeypatch.setattr(Decoder, "value", lambda self, node: {}[node])

    with pytest.raises(fuzz_wire.FuzzError) as caught:
        fuzz_wire.fuzz(1000, seed=1)
    with pytest.raises(fuzz_wire.FuzzError):
        target.receive(caught.value.data)


@given(st.binary(max_size=300), st.binary(max_size=300), st.booleans())
def test_any_header_and_payload_are_an_answer_or_a_violation(
    header: bytes, payload: bytes, honest_header: bool
) -> None:
    """Bytes of any kind, also behind an honest header, end in a value, a feedback or `violation`."""

    def answer(number: int) -> wire.Frame:
        honest = wire.encode_message(wire.Value(number, tensor([2, 3])))
        return wire.Frame(honest if honest_header else header, payload)

    session = Session(Answering(answer), CPU, Limits())
    try:
        session.remote("submission").f()
    except SubmissionError:
        return
    except SessionLost:
        pass

    assert session.lost is None or session.lost.status == "violation"


PATCHES = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=4)


@given(PATCHES, st.binary(max_size=64))
def test_any_damage_to_the_list_of_storages_is_a_value_or_a_wire_error(
    patches: list[tuple[int, int]], data: bytes
) -> None:
    """A payload with bytes changed anywhere decodes to a tensor of its true bytes, or not at all."""
    payload = bytearray(one_storage(data))
    for position, byte in patches:
        payload[position % len(payload)] = byte
    node = tensor([len(data)], dtype="uint8")
    try:
        decoder = Decoder(bytes(payload), strict=True, device=CPU, on_handle=id)
        value = decoder.value(node)
    except wire.WireError:
        return

    assert bytes(value.tolist()) == bytes(payload[len(payload) - len(data) :])


# Memory.


@given(st.integers(201, (1 << 32) - 1), st.integers(0, (1 << 64) - 1), st.integers(1, 3))
def test_what_is_announced_costs_nothing(header: int, payload: int, most: int) -> None:
    """A prefix of any lengths before a few bytes that drip in costs no memory of that size."""
    prefix = wire.PREFIX.pack(wire.MAGIC, header, payload)
    waiting = [prefix + bytes(200)]

    def read(count: int) -> bytes:
        part, waiting[0] = waiting[0][: min(count, most)], waiting[0][min(count, most) :]
        return part

    def receive() -> None:
        with pytest.raises((wire.WireError, wire.EndOfStream)):
            wire.read_frame(read, SMALL if header % 2 else wire.FrameLimits())

    assert peak_mib(receive) < 1


def test_bytes_that_drip_in_cost_no_more_than_others() -> None:
    """A frame that arrives two bytes at a time takes the memory of its bytes, not of its pieces."""
    size = 2 * MIB
    sent = iter([wire.PREFIX.pack(wire.MAGIC, 0, size)])

    def read(count: int) -> bytes:
        return next(sent, bytes(bytearray(min(count, 2))))

    assert peak_mib(lambda: wire.read_frame(read, wire.FrameLimits())) < 3 * size / MIB


def test_a_list_of_storages_is_limited_before_it_is_read() -> None:
    """A list of storages beyond the limit of headers is refused by its length alone."""
    payload = storages(b" " * (9 * MIB))

    assert "too long" in refused(1, payload)


MANY: dict[str, Callable[[], wire.Node]] = {
    "tensors": lambda: tensor([0], dtype="int8"),
    "handles": lambda: wire.HandleNode(1, [], "M"),
}


@pytest.mark.parametrize("kind", MANY)
def test_tensors_and_objects_are_counted(kind: str) -> None:
    """A message of small nodes that would each become a large object is refused."""
    nodes = [MANY[kind]()] * (wire.MAX_OBJECTS + 1)

    assert "more than" in refused(wire.SequenceNode("list", nodes), one_storage(b""))


def test_too_many_tensors_of_an_honest_hand_in_are_a_feedback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A learner's endless list of tensors arrives; those beyond the limit by name."""
    monkeypatch.setattr(wire, "MAX_OBJECTS", 3)
    encoder = Encoder(keep_layout=False, on_object=lambda value: None)
    node = encoder.node([torch.ones(1)] * 3 + [{"more": torch.ones(1)}, 5])
    *arrived, last, number = told(node, encoder.payload())

    assert all(isinstance(value, torch.Tensor) for value in arrived)
    assert isinstance(last["more"], Foreign)
    assert number == 5


# Shapes, depth, names.

WRONG_TENSORS: dict[str, wire.TensorNode] = {
    "negative": tensor([-1]),
    "negative_twice": tensor([-2, -3]),
    "huge": tensor([1 << 62]),
    "huge_product": tensor([1 << 20, 1 << 20]),
    "beyond_64_bits": tensor([(1 << 64) - 1]),
    "huge_and_empty": tensor([0, 1 << 40]),
    "huge_product_and_empty": tensor([0, 1 << 26, 1 << 26]),
    "too_many_dimensions": tensor([1] * 65),
    "strides_of_another_rank": tensor([2, 3], [1]),
    "negative_stride": tensor([6], [-1]),
    "offset": tensor([6], offset=1),
    "negative_offset": tensor([6], offset=-1),
    "offset_beyond_64_bits": tensor([6], offset=(1 << 64) - 1),
    "too_few": tensor([5]),
    "too_many": tensor([7]),
    "other_size": tensor([6], dtype="float64"),
    "storage_that_is_none": tensor([6], storage=1),
    "negative_storage": tensor([6], storage=-1),
    "unknown_dtype": tensor([6], dtype="__class__"),
    "a_function_as_dtype": tensor([6], dtype="load"),
    "unknown_device": tensor([6], device="/dev/null"),
    "a_device_that_torch_warns_about": tensor([6], device="mkldnn"),
    "a_device_that_wraps_around": tensor([6], device="cuda:256"),
}


@pytest.mark.parametrize("name", WRONG_TENSORS)
def test_a_tensor_that_does_not_fit_its_bytes_is_refused(name: str) -> None:
    """Sizes, strides, offsets, types and devices that no honest worker sends are a violation."""
    assert "protocol" in refused(WRONG_TENSORS[name], one_storage(bytes(24)))


@given(
    st.lists(st.integers(0, 1 << 64), max_size=4).filter(
        lambda steps: max(steps, default=0) < 1 << 64
    )
)
def test_strides_of_a_stranger_are_not_used(stride: list[int]) -> None:
    """Whatever strides are claimed, overlapping ones too, a tensor is its bytes in order."""
    data = bytes(range(16))
    value = told(
        tensor([2] * len(stride), stride, dtype="uint8"), one_storage(data[: 2 ** len(stride)])
    )

    assert value.is_contiguous()
    assert bytes(value.reshape(-1).tolist()) == data[: 2 ** len(stride)]


def nested(node: wire.Node, levels: int, kind: str) -> wire.Node:
    """A node in so many containers."""
    for _ in range(levels):
        if kind == "record":
            node = wire.RecordNode("R", [("a", node)])
        elif kind == "key":
            node = wire.SequenceNode("tuple", [node])
        else:
            node = wire.SequenceNode("list", [node])
    return wire.MappingNode([(node, 1)]) if kind == "key" else node


@pytest.mark.parametrize("kind", ["list", "record", "key"])
@pytest.mark.parametrize("levels", [40, 300])
def test_deeper_than_any_honest_value_is_refused(kind: str, levels: int) -> None:
    """Containers within containers are refused at a depth at which everybody can still walk them."""
    assert "protocol" in refused(nested(1, levels, kind))


def deep(levels: int, wrap: Callable[[Any], Any], value: Any) -> Any:
    """A value in so many containers."""
    for _ in range(levels):
        value = wrap(value)
    return value


WRAPS: dict[str, Callable[[Any], Any]] = {
    "list": lambda value: [value],
    "dict": lambda value: {"a": value},
    "dict_with_tuples": lambda value: {("a", (1, (2,))): value},
}


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("levels", range(28, 38))
def test_depth_of_an_honest_hand_in_is_never_a_violation(wrap: str, levels: int) -> None:
    """However deep a learner nests, and whatever the keys, the value arrives; its depths by name."""
    encoder = Encoder(keep_layout=False, on_object=lambda value: None)
    node = encoder.node(deep(levels, WRAPS[wrap], 1))

    assert isinstance(told(node, encoder.payload()), list if wrap == "list" else dict)


@given(st.integers(1, 1 << 20).flatmap(lambda bits: st.integers(0, 1 << min(bits, 1 << 15))))
def test_every_integer_that_arrives_can_be_written(number: int) -> None:
    """An integer of any size arrives as one that can be put into words, or by name."""
    for sent in (number, -number, 1 << 16_000, -(1 << 14_000)):
        value = told(Encoder(False, lambda thing: None).node(sent))
        assert isinstance(value, Foreign) or str(value) == str(sent)


def test_an_integer_that_nobody_could_write_is_refused() -> None:
    """Digits beyond what Python puts into decimal are no honest worker's."""
    assert "too long" in refused(wire.BigIntNode("0x" + "f" * wire.MAX_DIGITS))


EXOTIC = [torch.float8_e4m3fn, torch.quint8, torch.device("fpga"), torch.device("ve")]


@pytest.mark.parametrize("value", EXOTIC, ids=str)
def test_unusual_dtypes_and_devices_of_an_honest_hand_in_arrive_by_name(value: object) -> None:
    """What the wire has no name for is something foreign, never a broken protocol."""
    assert isinstance(told(Encoder(False, lambda thing: None).node(value)), Foreign)


TWICE: dict[str, wire.Node] = {
    "equal": wire.MappingNode([("a", 1), ("a", 2)]),
    "equal_across_types": wire.MappingNode([(1, 1), (True, 2)]),
    "equal_in_a_tuple": wire.MappingNode([(wire.SequenceNode("tuple", [1]), 1)] * 2),
    "field": wire.RecordNode("R", [("a", 1), ("a", 2)]),
    "not_hashable": wire.MappingNode([(wire.SequenceNode("list", []), 1)]),
    "not_hashable_in_a_tuple": wire.MappingNode(
        [(wire.SequenceNode("tuple", [wire.MappingNode([])]), 1)]
    ),
}


@pytest.mark.parametrize("name", TWICE)
def test_a_key_twice_is_refused(name: str) -> None:
    """Which of two values counts is nobody's guess: duplicate and impossible keys are a violation."""
    assert "protocol" in refused(TWICE[name])


# Names from the worker are data.


MEANT = [
    "__array_interface__",
    "__cuda_array_interface__",
    "__array__",
    "__dlpack__",
    "__torch_function__",
    "__class__",
    "__deepcopy__",
    "__setstate__",
]


@pytest.mark.parametrize("name", MEANT)
def test_a_field_gives_no_object_a_meaning(name: str) -> None:
    """No record of a stranger's has an attribute by which libraries read memory or call something."""
    value = told(wire.RecordNode("R", [(name, wire.MappingNode([("data", 1)]))]))

    assert isinstance(value, Record)
    assert getattr(value, name, None) == getattr(Record("R", {}), name, None)
    assert value.fields[name] == {"data": 1}


def test_an_address_is_not_read() -> None:
    """A record that says at which address its numbers are is no array."""
    secret = numpy.arange(4.0)
    fields: dict[str, wire.Node] = {
        "data": wire.SequenceNode("tuple", [secret.ctypes.data, False]),
        "typestr": "<f8",
        "shape": wire.SequenceNode("tuple", [4]),
        "version": 3,
    }
    value = told(
        wire.RecordNode("R", [("__array_interface__", wire.MappingNode(list(fields.items())))])
    )

    assert numpy.asarray(value).dtype == object
    with pytest.raises((TypeError, RuntimeError)):
        torch.as_tensor(value)


def test_a_record_can_be_copied() -> None:
    """Copying asks for attributes before there are fields, and gets an answer."""
    value = told(wire.RecordNode("R", [("a", wire.SequenceNode("list", [1]))]))

    assert copy.deepcopy(value) == copy.copy(value) == value


def test_names_of_the_worker_are_looked_up_in_our_tables_only() -> None:
    """A dtype or device is one of a fixed list, whatever torch has under that name."""
    for name in ["Tensor", "load", "nn", "__builtins__", "float32 ", "torch.float32", ""]:
        assert "dtype" in refused(wire.DtypeNode(name))
        assert "device" in refused(wire.DeviceNode(name))
    assert {str(told(wire.DtypeNode(name))) for name in DTYPES} == {f"torch.{n}" for n in DTYPES}


def test_a_worker_that_reports_names_nobody_asked_for_is_not_listened_to(mini: Challenge) -> None:
    """Missing is what was asked for; endless lists of names cost nothing."""
    flood = [f"name_{number}" for number in range(200_000)]
    loaded = wire.Loaded(1, flood, [*flood, "double"], flood)
    message = words.names_missing(loaded, mini.names)

    assert message is not None
    assert "double" in message
    assert "name_" not in message
    assert words.names_missing(wire.Loaded(1, [*mini.names], flood, flood), mini.names) is None


# By its syntax tree: nothing in the trusted end turns a name into a thing, but for these.
LOOKUPS = {"getattr", "setattr", "delattr", "hasattr", "globals", "locals", "vars", "eval", "exec"}
LOOKUPS |= {
    "import_module",
    "__import__",
    "attrgetter",
    "methodcaller",
    "find_class",
    "resolve_name",
}
TRUSTED = [
    "session",
    "transport",
    "words",
    "judge",
    "replay",
    "operators",
    "worker/codec",
    "worker/values",
    "worker/wire",
]
OF_OUR_OWN = {
    # Which names stand on the right is decided by the class of a value that is being sent.
    "worker/codec": {"getattr(value, name)"},
    # Which names, by the fields of our own result types.
    "worker/values": {"getattr(value, field.name)"},
    # Which operators, by the table that stands above it.
    "operators": {"getattr(getattr(torch.ops.aten, packet, None), overload, None)"}
    | {"getattr(torch.ops.aten, packet, None)"},
}


def lookups(source: str) -> set[str]:
    """The calls that look something up by a name that is not written there."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func).rpartition(".")[2]
        literal = len(node.args) > 1 and isinstance(node.args[1], ast.Constant)
        if name in LOOKUPS and not literal:
            found.add(ast.unparse(node))
    return found


@pytest.mark.parametrize("name", TRUSTED)
def test_no_name_of_the_worker_becomes_an_attribute_class_or_callable(name: str) -> None:
    """The trusted end has no look-up by a name that it did not write down itself."""
    source = (GRADER / f"{name}.py").read_text("utf-8")

    assert lookups(source) - OF_OUR_OWN.get(name, set()) == set()
    assert "sys.modules" not in source
    assert "__dict__" not in source


def test_such_a_lookup_would_be_found() -> None:
    """The test above sees what it is for."""
    assert lookups("getattr(torch, node.dtype)") == {"getattr(torch, node.dtype)"}
    assert lookups("importlib.import_module(reply.name)") == {"importlib.import_module(reply.name)"}
    assert lookups('getattr(request, "seconds", None)') == set()


def test_nothing_is_imported_for_an_answer() -> None:
    """No answer, of whatever names, makes the judge import a module."""
    before = set(sys.modules)
    for name in ("antigravity", "this", "torch.distributed.rpc", "os"):
        for node in (wire.RecordNode(name, [(name, 1)]), wire.ForeignNode(name, name)):
            told(node)
        refused(wire.DtypeNode(name))

    assert set(sys.modules) == before
