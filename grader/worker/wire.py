"""What crosses between judge and worker: frames of bytes, and the messages and values in them.

A frame is a fixed prefix, a msgspec (MessagePack) header and a safetensors payload::

    magic "PCK1" | header length, uint32 LE | payload length, uint64 LE | header | payload

Both lengths are checked against `FrameLimits` before anything is allocated. The header holds
one message; tensors in it point into the payload. Nothing here imports torch, and nothing here
can name an attribute, a class or a callable: a value is data.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from typing import Literal, TypeAlias, TypeVar

import msgspec

M = TypeVar("M")

MAGIC = b"PCK1"
PREFIX = struct.Struct("<4sIQ")
MAX_DEPTH = 32
MAX_OBJECTS = 1 << 16
"""Tensors and handles in one message: each costs the receiver a hundred times its bytes."""
MAX_DIGITS = 3500
"""Of a long int, in hexadecimal: Python writes no int of more than 4300 decimal digits."""
CHUNK = 1 << 20
SMALL = 1 << 16


class WireError(Exception):
    """The bytes are not a frame or message of this protocol, or are larger than allowed."""


class EndOfStream(Exception):
    """The other end closed the channel."""


class FrameLimits(msgspec.Struct, frozen=True):
    """The most bytes that one frame may hold and that one session may receive."""

    header: int = 8 << 20
    payload: int = 512 << 20
    total: int = 4 << 30


class Frame(msgspec.Struct, frozen=True):
    """One message as bytes: a MessagePack header and a safetensors payload."""

    header: bytes
    payload: bytes


def write_all(descriptor: int, data: bytes) -> None:
    """Write all of `data` to a descriptor, which may take it in parts."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def write_frame(write: Callable[[bytes], object], frame: Frame) -> None:
    """Write `frame` through `write`, which must take all bytes that it is given."""
    head = PREFIX.pack(MAGIC, len(frame.header), len(frame.payload)) + frame.header
    if len(frame.payload) <= SMALL:
        # In one piece, so that the reader is woken once.
        write(head + frame.payload)
    else:
        write(head)
        write(frame.payload)


def read_frame(read: Callable[[int], bytes], limits: FrameLimits) -> Frame:
    """Read one frame through `read(n)`, which returns up to n bytes and b"" at the end.

    Raises WireError for a wrong prefix or a length above the limits, before allocating for it,
    and EndOfStream when the stream ends, in the middle of a frame as well.
    """
    magic, header_len, payload_len = PREFIX.unpack(_exactly(read, PREFIX.size))
    if magic != MAGIC:
        raise WireError("the bytes on the channel are not a frame")
    if header_len > limits.header:
        raise WireError(f"a header of {header_len} bytes; {limits.header} are allowed")
    if payload_len > limits.payload:
        raise WireError(f"a payload of {payload_len} bytes; {limits.payload} are allowed")
    return Frame(_exactly(read, header_len), _exactly(read, payload_len))


def _exactly(read: Callable[[int], bytes], count: int) -> bytes:
    # One buffer, not a list of parts: bytes that drip in one by one must not cost forty each.
    buffer = bytearray()
    while len(buffer) < count:
        # Small reads: memory grows with what arrived, not with what was announced.
        part = read(min(count - len(buffer), CHUNK))
        if not part:
            raise EndOfStream
        buffer += part
    return bytes(buffer)


# Values. Plain MessagePack scalars stand for themselves; everything else is one of these.


class TensorNode(msgspec.Struct, tag="t", array_like=True, frozen=True):
    """A strided tensor over storage number `storage` of the payload; stride and offset in elements.

    `kind` is "" for a plain tensor, else the name of the subclass that it was.
    """

    storage: int
    dtype: str
    shape: list[int]
    stride: list[int]
    offset: int
    requires_grad: bool
    device: str
    kind: str = ""


class SequenceNode(msgspec.Struct, tag="s", array_like=True, frozen=True):
    """A list or a tuple."""

    kind: Literal["list", "tuple"]
    items: list[Node]


class MappingNode(msgspec.Struct, tag="m", array_like=True, frozen=True):
    """A dict, as pairs in order."""

    pairs: list[tuple[Node, Node]]


class RecordNode(msgspec.Struct, tag="r", array_like=True, frozen=True):
    """A dataclass instance or a named tuple: its type's name and its fields in order."""

    type_name: str
    fields: list[tuple[str, Node]]


class HandleNode(msgspec.Struct, tag="h", array_like=True, frozen=True):
    """An object that stays in the worker: a target, and the name of its type.

    From the worker the root is always a number and the path empty.
    """

    root: str | int
    path: list[str | int]
    type_name: str


class ForeignNode(msgspec.Struct, tag="f", array_like=True, frozen=True):
    """Something that is neither plain data nor a usable object, such as another library's array."""

    type_name: str
    note: str


class AbstractNode(msgspec.Struct, tag="a", array_like=True, frozen=True):
    """A tensor without data: the result of a call on the meta device."""

    shape: list[int]
    dtype: str
    device: str


class DtypeNode(msgspec.Struct, tag="y", array_like=True, frozen=True):
    """A torch.dtype by name."""

    name: str


class DeviceNode(msgspec.Struct, tag="d", array_like=True, frozen=True):
    """A torch.device by name."""

    name: str


class ComplexNode(msgspec.Struct, tag="c", array_like=True, frozen=True):
    """A Python complex number."""

    real: float
    imag: float


class BigIntNode(msgspec.Struct, tag="i", array_like=True, frozen=True):
    """An int beyond 64 bits, in hexadecimal, at most MAX_DIGITS long."""

    digits: str


class BytesNode(msgspec.Struct, tag="b", array_like=True, frozen=True):
    """Python bytes."""

    data: bytes


Node: TypeAlias = (
    None
    | bool
    | int
    | float
    | str
    | TensorNode
    | SequenceNode
    | MappingNode
    | RecordNode
    | HandleNode
    | ForeignNode
    | AbstractNode
    | DtypeNode
    | DeviceNode
    | ComplexNode
    | BigIntNode
    | BytesNode
)


# Messages, judge → worker.


class Target(msgspec.Struct, array_like=True, frozen=True):
    """What a request is about: a root ("submission", "rig" or a handle) and a path from it.

    A path step is an attribute name (str) or an index (int).
    """

    root: str | int
    path: list[str | int]


Mode: TypeAlias = Literal["call", "vjp", "trace", "meta", "twice", "overwrite"]


class Load(msgspec.Struct, tag="load", frozen=True):
    """Import `imports`, then the rig and the hand-in; look up the names that it must define.

    `folder` is where under the hand-in's root it lies: "" unless the worker was given a series of
    hand-ins, each of which it then loads in a forked child of its own.
    """

    id: int
    folder: str
    names: list[str]
    imports: list[str]
    device: str
    threads: int
    rig: bool


class Call(msgspec.Struct, tag="call", frozen=True):
    """Call the target; `extra` holds what the mode needs besides the arguments."""

    id: int
    target: Target
    mode: Mode
    args: SequenceNode
    kwargs: MappingNode
    extra: MappingNode
    seconds: float | None
    release: list[int]


class Get(msgspec.Struct, tag="get", frozen=True):
    """Fetch the value of the target."""

    id: int
    target: Target


class Seed(msgspec.Struct, tag="seed", frozen=True):
    """Seed torch and random in the worker. The number is for the hand-in's own draws, no secret."""

    id: int
    value: int


class Leave(msgspec.Struct, tag="leave", frozen=True):
    """End of one hand-in of a series. Has no answer: the next request is a Load."""


Request: TypeAlias = Load | Call | Get | Seed | Leave


# Messages, worker → judge.


class Line(msgspec.Struct, array_like=True, frozen=True):
    """One line of the learner's own traceback."""

    file: str
    number: int
    function: str
    text: str


class Started(msgspec.Struct, tag="started", frozen=True):
    """First message of a worker, before it has touched the hand-in: the wall and Python stand."""


class Ready(msgspec.Struct, tag="ready", frozen=True):
    """Second message of a worker, before it imports torch: the source compiles, or why not."""

    error: Raised | None = None


class Loaded(msgspec.Struct, tag="loaded", frozen=True):
    """The hand-in was imported: which names it defines, and which wanted ones are unusable."""

    id: int
    names: list[str]
    missing: list[str]
    abstract: list[str]


class Value(msgspec.Struct, tag="value", frozen=True):
    """The result of a request."""

    id: int
    value: Node


class Raised(msgspec.Struct, tag="raised", frozen=True):
    """The hand-in raised: type names along the class's bases, message, the learner's own lines."""

    id: int
    types: list[str]
    message: str
    lines: list[Line]


class Stopped(msgspec.Struct, tag="stopped", frozen=True):
    """The call was interrupted at its own deadline."""

    id: int


Reply: TypeAlias = Started | Ready | Loaded | Value | Raised | Stopped

_encoder = msgspec.msgpack.Encoder()
_requests: msgspec.msgpack.Decoder[Request] = msgspec.msgpack.Decoder(Request)
_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)


def encode_message(message: Request | Reply) -> bytes:
    """Return the header bytes of `message`."""
    return _encoder.encode(message)


def decode_request(header: bytes) -> Request:
    """Return the request in `header`; raises WireError."""
    return _decode(_requests, header)


def decode_reply(header: bytes) -> Reply:
    """Return the reply in `header`; raises WireError for anything that is not one."""
    return _decode(_replies, header)


def _decode(decoder: msgspec.msgpack.Decoder[M], header: bytes) -> M:
    try:
        return decoder.decode(header)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise WireError("the header on the channel is not a message of this protocol") from error
