"""Frames and messages: what is sent arrives, and whatever arrives is a message or a WireError."""

from __future__ import annotations

import struct
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.worker import wire

settings.register_profile("wire", deadline=None, max_examples=60)
settings.load_profile("wire")

INTEGERS = st.integers(-(2**63), 2**64 - 1)
TEXTS = st.text(max_size=12)
SIZES = st.lists(INTEGERS, max_size=3)
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    INTEGERS,
    st.floats(allow_nan=False),
    TEXTS,
    st.builds(
        wire.TensorNode, INTEGERS, TEXTS, SIZES, SIZES, INTEGERS, st.booleans(), TEXTS, TEXTS
    ),
    st.builds(wire.HandleNode, TEXTS | INTEGERS, st.lists(TEXTS | INTEGERS, max_size=2), TEXTS),
    st.builds(wire.ForeignNode, TEXTS, TEXTS),
    st.builds(wire.AbstractNode, SIZES, TEXTS, TEXTS),
    st.builds(wire.DtypeNode, TEXTS),
    st.builds(wire.DeviceNode, TEXTS),
    st.builds(wire.ComplexNode, st.floats(allow_nan=False), st.floats(allow_nan=False)),
    st.builds(wire.BigIntNode, TEXTS),
    st.builds(wire.BytesNode, st.binary(max_size=12)),
)


def _containers(children: st.SearchStrategy[wire.Node]) -> st.SearchStrategy[wire.Node]:
    return st.one_of(
        st.builds(
            wire.SequenceNode, st.sampled_from(["list", "tuple"]), st.lists(children, max_size=3)
        ),
        st.builds(wire.MappingNode, st.lists(st.tuples(children, children), max_size=3)),
        st.builds(wire.RecordNode, TEXTS, st.lists(st.tuples(TEXTS, children), max_size=3)),
    )


NODES = st.recursive(LEAVES, _containers, max_leaves=12)
LINES = st.builds(wire.Line, TEXTS, INTEGERS, TEXTS, TEXTS)
RAISED = st.builds(
    wire.Raised, INTEGERS, st.lists(TEXTS, max_size=3), TEXTS, st.lists(LINES, max_size=2)
)
NAMES = st.lists(TEXTS, max_size=3)
REPLIES = st.one_of(
    st.just(wire.Started()),
    st.builds(wire.Ready, st.none() | RAISED),
    st.builds(wire.Loaded, INTEGERS, NAMES, NAMES, NAMES),
    st.builds(wire.Value, INTEGERS, NODES),
    RAISED,
    st.builds(wire.Stopped, INTEGERS),
)
TARGETS = st.builds(wire.Target, TEXTS | INTEGERS, st.lists(TEXTS | INTEGERS, max_size=3))
CALLS = st.builds(
    wire.Call,
    INTEGERS,
    TARGETS,
    st.sampled_from(["call", "vjp", "trace", "meta", "twice", "overwrite"]),
    st.builds(wire.SequenceNode, st.just("tuple"), st.lists(NODES, max_size=2)),
    st.builds(wire.MappingNode, st.lists(st.tuples(TEXTS, NODES), max_size=2)),
    st.builds(wire.MappingNode, st.just([])),
    st.none() | st.floats(0, 1000),
    st.lists(INTEGERS, max_size=3),
)
LOADS = st.builds(
    wire.Load, INTEGERS, TEXTS, NAMES, NAMES, TEXTS, st.integers(1, 64), st.booleans()
)
REQUESTS = st.one_of(
    LOADS,
    CALLS,
    st.builds(wire.Get, INTEGERS, TARGETS),
    st.builds(wire.Seed, INTEGERS, INTEGERS),
    st.just(wire.Leave()),
)
BYTES = st.binary(max_size=200)


def reader(data: bytes, most: int = 1 << 30) -> Callable[[int], bytes]:
    """Reads of `data`, none of more than `most` bytes, as a pipe would give them."""
    position = 0

    def read(count: int) -> bytes:
        nonlocal position
        part = data[position : position + min(count, most)]
        position += len(part)
        return part

    return read


def written(*frames: wire.Frame) -> bytes:
    """The bytes of these frames."""
    parts: list[bytes] = []
    for frame in frames:
        wire.write_frame(parts.append, frame)
    return b"".join(parts)


@given(st.lists(st.builds(wire.Frame, BYTES, BYTES), max_size=3), st.integers(1, 50))
def test_frames_arrive_as_they_were_sent(frames: list[wire.Frame], most: int) -> None:
    """Any frames, read in pieces of any size, are the frames that were written."""
    read = reader(written(*frames), most)

    assert [wire.read_frame(read, wire.FrameLimits()) for _ in frames] == frames
    with pytest.raises(wire.EndOfStream):
        wire.read_frame(read, wire.FrameLimits())


@given(BYTES)
def test_any_bytes_are_a_frame_or_none(data: bytes) -> None:
    """A stream of any bytes gives a frame, WireError, or the end, and nothing else."""
    for stream in (data, wire.MAGIC + data):
        try:
            frame = wire.read_frame(reader(stream), wire.FrameLimits())
        except (wire.WireError, wire.EndOfStream):
            continue
        assert written(frame) == stream[: len(written(frame))]


@given(st.builds(wire.Frame, BYTES, BYTES), st.data())
def test_a_cut_frame_is_the_end(frame: wire.Frame, data: st.DataObject) -> None:
    """A stream that stops anywhere within a frame has ended; no part of a frame is handed out."""
    whole = written(frame)
    cut = data.draw(st.integers(0, len(whole) - 1))

    with pytest.raises(wire.EndOfStream):
        wire.read_frame(reader(whole[:cut]), wire.FrameLimits())


@pytest.mark.parametrize(
    ("header", "payload"),
    [(0xFFFF_FFFF, 0), (0, 4 << 30), (0, 2**64 - 1), (65, 0), (0, 129), (65, 2**63)],
)
def test_an_announced_length_is_refused_before_anything_is_read(header: int, payload: int) -> None:
    """Lengths above the limits are refused by the prefix alone: nothing is allocated for them."""
    asked: list[int] = []
    stream = reader(wire.PREFIX.pack(wire.MAGIC, header, payload))

    def read(count: int) -> bytes:
        asked.append(count)
        return stream(count)

    with pytest.raises(wire.WireError, match="are allowed"):
        wire.read_frame(read, wire.FrameLimits(header=64, payload=128))

    assert sum(asked) == wire.PREFIX.size


def test_memory_grows_with_what_arrives() -> None:
    """A large announcement within the limits is read in small pieces, never asked for at once."""
    asked: list[int] = []
    stream = reader(wire.PREFIX.pack(wire.MAGIC, 0, 500 << 20) + bytes(100))

    def read(count: int) -> bytes:
        asked.append(count)
        return stream(count)

    with pytest.raises(wire.EndOfStream):
        wire.read_frame(read, wire.FrameLimits())

    assert max(asked) <= wire.CHUNK


@given(REPLIES)
def test_replies_arrive_as_they_were_sent(message: wire.Reply) -> None:
    """Any message of a worker is the same after encoding and decoding, types included."""
    assert wire.decode_reply(wire.encode_message(message)) == message


@given(REQUESTS)
def test_requests_arrive_as_they_were_sent(message: wire.Request) -> None:
    """Any message of the judge is the same after encoding and decoding."""
    assert wire.decode_request(wire.encode_message(message)) == message


@given(REQUESTS)
def test_a_request_is_no_reply(message: wire.Request) -> None:
    """What a judge says is not accepted from a worker."""
    with pytest.raises(wire.WireError):
        wire.decode_reply(wire.encode_message(message))


@given(BYTES)
def test_any_header_is_a_message_or_wire_error(header: bytes) -> None:
    """Bytes of any kind decode to a message or raise WireError."""
    for decode in (wire.decode_reply, wire.decode_request):
        try:
            decode(header)
        except wire.WireError:
            continue


@settings(max_examples=300)
@given(REPLIES, st.data())
def test_a_damaged_message_is_a_message_or_wire_error(
    message: wire.Reply, data: st.DataObject
) -> None:
    """A message with bytes changed, removed or added decodes to a message or raises WireError."""
    header = bytearray(wire.encode_message(message))
    begin = data.draw(st.integers(0, len(header)))
    end = data.draw(st.integers(begin, min(begin + 4, len(header))))
    header[begin:end] = data.draw(st.binary(max_size=4))
    try:
        decoded = wire.decode_reply(bytes(header))
    except wire.WireError:
        return

    assert isinstance(decoded, wire.Reply)


NESTED = {
    "value": b"\x83\xa4type\xa5value\xa2id\x01\xa5value" + b"\x93\xa1s\xa4list\x91" * 200_000,
    "unknown_field": b"\x83\xa4type\xa5value\xa2id\x01\xa4more" + b"\x91" * 2_000_000,
    "no_message": b"\x91" * 2_000_000,
}


@pytest.mark.parametrize("name", NESTED)
def test_endless_nesting_is_a_wire_error(name: str) -> None:
    """Brackets without end neither crash the judge nor fill its stack."""
    with pytest.raises(wire.WireError):
        wire.decode_reply(NESTED[name] + b"\xc0")


WRONG_TYPES = {
    "type_unknown": {"type": "execute", "id": 1},
    "type_missing": {"id": 1, "value": None},
    "id_is_a_text": {"type": "value", "id": "1", "value": None},
    "id_is_a_float": {"type": "value", "id": 1.0, "value": None},
    "value_is_a_plain_list": {"type": "value", "id": 1, "value": [1, 2]},
    "value_is_a_map": {"type": "value", "id": 1, "value": {"a": 1}},
    "node_unknown": {"type": "value", "id": 1, "value": ["pickle", b"cos\nsystem"]},
    "sequence_of_another_kind": {"type": "value", "id": 1, "value": ["s", "set", []]},
    "tensor_too_short": {"type": "value", "id": 1, "value": ["t", 0, "float32"]},
    "shape_of_texts": {
        "type": "value",
        "id": 1,
        "value": ["t", 0, "float32", ["2"], [1], 0, False, "cpu"],
    },
    "field_name_is_a_number": {"type": "value", "id": 1, "value": ["r", "R", [[1, None]]]},
    "names_are_numbers": {"type": "loaded", "id": 1, "names": [1], "missing": [], "abstract": []},
}


@pytest.mark.parametrize("name", WRONG_TYPES)
def test_every_field_has_its_type(name: str) -> None:
    """A message with a field of another type is refused as a whole; nothing is converted."""
    with pytest.raises(wire.WireError):
        wire.decode_reply(msgspec.msgpack.encode(WRONG_TYPES[name]))


def test_text_that_is_not_utf8_is_refused() -> None:
    """A text of bytes that are no UTF-8 is a WireError, not a UnicodeDecodeError."""
    with pytest.raises(wire.WireError):
        wire.decode_reply(b"\x83\xa4type\xa5value\xa2id\x01\xa5value\xa2\xff\xfe")


def test_a_prefix_has_one_form() -> None:
    """The prefix is little-endian on every machine: magic, 4 bytes, 8 bytes."""
    frame = written(wire.Frame(b"ab", b"c"))

    assert frame == b"PCK1" + struct.pack("<I", 2) + struct.pack("<Q", 1) + b"abc"
