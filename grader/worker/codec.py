"""Python values ⇄ wire nodes. Tensors travel as raw bytes, in both directions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, Final, cast

import torch
from safetensors import SafetensorError, TensorSpec, deserialize, serialize

from . import wire
from .values import DEVICES, DTYPES, Abstract, Foreign, Origin, Record

MAX_ELEMENTS: Final = 1 << 27
MAX_RANK: Final = 64
TEXT_KEPT: Final = 10_000


class Encoder:
    """Turns one message's values into nodes and collects the storages behind their tensors.

    `keep_layout` sends storages in their whole length, so that strides and sharing between tensors
    survive, but only what the tensors reach of them: the rest, which a slice hides, is zeros. Without it
    each tensor is sent contiguous. `on_object` names what is not plain data.
    """

    def __init__(self, keep_layout: bool, on_object: Callable[[object], wire.Node]) -> None:
        self._keep_layout = keep_layout
        self._on_object = on_object
        self._chunks: list[torch.Tensor] = []
        self._known: dict[tuple[int, int], int] = {}
        self._whole: set[int] = set()
        self._objects = 0

    def node(self, value: object, depth: int = 0) -> wire.Node:
        """Return the node for `value`."""
        scalar = _scalar(value)
        if scalar is not NotImplemented:
            return cast(wire.Node, scalar)
        if depth > wire.MAX_DEPTH:
            return wire.ForeignNode(_type_name(value), "nested too deeply")
        if isinstance(value, torch.Tensor):
            return self._surplus(value) or self._tensor(value)
        if isinstance(value, dict):
            return self._mapping(value, depth)
        if isinstance(value, (list, tuple)):
            return self._sequence(value, depth)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            names = [field.name for field in dataclasses.fields(value)]
            fields = [(name, self.node(getattr(value, name), depth + 1)) for name in names]
            return wire.RecordNode(_type_name(value), fields)
        return self._surplus(value) or self._on_object(value)

    def payload(self) -> bytes:
        """Return the safetensors payload: storage number k under the name str(k)."""
        if not self._chunks:
            return b""
        specs = {}
        for number, data in enumerate(self._chunks):
            length = data.numel() * data.element_size()
            specs[str(number)] = TensorSpec(
                dtype="uint8", shape=[length], data_ptr=data.data_ptr(), data_len=length
            )
        return serialize(specs)

    def _surplus(self, value: object) -> wire.Node:
        """Count tensors and objects; return a node that says so for those beyond the limit."""
        self._objects += 1
        if self._objects <= wire.MAX_OBJECTS:
            return None
        return wire.ForeignNode(_type_name(value), f"one of more than {wire.MAX_OBJECTS}")

    def _mapping(self, value: dict[Any, Any], depth: int) -> wire.Node:
        if not all(map(_is_plain_key, value)):
            return wire.ForeignNode(_type_name(value), "with keys that are not plain data")
        if depth == wire.MAX_DEPTH:
            # One level deeper, a tuple as a key would no longer be one.
            return wire.ForeignNode(_type_name(value), "nested too deeply")
        pairs = [(self.node(k, depth + 1), self.node(v, depth + 1)) for k, v in value.items()]
        return wire.MappingNode(pairs)

    def _sequence(self, value: list[Any] | tuple[Any, ...], depth: int) -> wire.Node:
        items = [self.node(item, depth + 1) for item in value]
        names = getattr(value, "_fields", None)
        if isinstance(names, tuple) and len(names) == len(items):
            fields = list(zip((str(name) for name in names), items, strict=True))
            return wire.RecordNode(_type_name(value), fields)
        return wire.SequenceNode("list" if isinstance(value, list) else "tuple", items)

    def _tensor(self, value: torch.Tensor) -> wire.Node:
        kind = "" if type(value) in (torch.Tensor, torch.nn.Parameter) else _type_name(value)
        with torch._C.DisableTorchFunctionSubclass():
            if value.layout != torch.strided or value.is_quantized:
                return wire.ForeignNode("sparse tensor", f"of layout {value.layout}")
            name = str(value.dtype).removeprefix("torch.")
            if name not in DTYPES:
                return wire.ForeignNode("tensor", f"of dtype {value.dtype}")
            if value.device.type == "meta":
                return wire.AbstractNode(list(value.shape), name, str(value.device))
            if not self._keep_layout and _too_large(value):
                shape = str(tuple(value.shape))[:200]
                return wire.ForeignNode(f"tensor of shape {shape}", "too large to be sent")
            data = value.detach().resolve_conj().resolve_neg()
            device = str(data.device)
            data = data.cpu() if self._keep_layout else data.cpu().contiguous()
            return wire.TensorNode(
                self._storage(data),
                name,
                list(data.shape),
                list(data.stride()),
                int(data.storage_offset()) if self._keep_layout else 0,
                bool(value.requires_grad),
                device,
                kind,
            )

    def _storage(self, data: torch.Tensor) -> int:
        """Return the number of the storage that holds `data` in this message."""
        if not self._keep_layout:
            return self._chunk((data.data_ptr(), data.numel() * data.element_size()), data)
        storage = data.untyped_storage()
        key = storage.data_ptr(), storage.nbytes()
        if key not in self._known or not key[1]:
            if data.numel() * data.element_size() == key[1] and data.is_contiguous():
                # It reaches all of its storage: no copy.
                self._whole.add(len(self._chunks))
                return self._chunk(key, data)
            self._chunk(key, torch.zeros(key[1], dtype=torch.uint8))
        number = self._known[key]
        if number not in self._whole:
            _fill(self._chunks[number], data)
        return number

    def _chunk(self, key: tuple[int, int], data: torch.Tensor) -> int:
        if key[1] and key in self._known:
            return self._known[key]
        self._known[key] = len(self._chunks)
        self._chunks.append(data)
        return self._known[key]


def _fill(target: torch.Tensor, data: torch.Tensor) -> None:
    """Copy what `data` reaches of its storage to the same places in `target`, a storage's bytes."""
    if not data.numel():
        return
    flat = torch.empty(0, dtype=data.dtype).set_(target.untyped_storage())
    if data.is_contiguous():
        flat[int(data.storage_offset()) :][: data.numel()] = data.reshape(-1)
        return
    places = torch.tensor(data.storage_offset())
    for size, step in zip(data.shape, data.stride(), strict=True):
        places = places.unsqueeze(-1) + torch.arange(size) * step
    # Elements that a tensor reaches twice are written twice, with the same value.
    flat[places.reshape(-1)] = data.reshape(-1)


def _is_plain_key(key: object) -> bool:
    if isinstance(key, tuple):
        return all(map(_is_plain_key, key))
    if isinstance(key, str):
        return len(key) <= TEXT_KEPT and key == _utf8(key)
    return key is None or isinstance(key, (bool, int, float))


def _scalar(value: object) -> Any:
    """Return the node of a value that needs no recursion, or NotImplemented."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        number = int(value)
        if -(2**63) <= number < 2**63:
            return number
        digits = hex(number)
        if len(digits) > wire.MAX_DIGITS:
            return wire.ForeignNode("int", "an integer of thousands of digits")
        return wire.BigIntNode(digits)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, str):
        return _utf8(str(value)[:TEXT_KEPT])
    if isinstance(value, bytes):
        return wire.BytesNode(bytes(value[:TEXT_KEPT]))
    if isinstance(value, complex):
        return wire.ComplexNode(value.real, value.imag)
    if isinstance(value, torch.dtype):
        name = str(value).removeprefix("torch.")
        return wire.DtypeNode(name) if name in DTYPES else wire.ForeignNode("torch.dtype", name)
    if isinstance(value, torch.device):
        name = str(value)
        known = DEVICES.fullmatch(name)
        return wire.DeviceNode(name) if known else wire.ForeignNode("torch.device", name)
    return NotImplemented


def _too_large(value: torch.Tensor) -> bool:
    """Return whether a tensor, made contiguous, would be more than an answer may hold."""
    count = value.numel()
    return count > MAX_ELEMENTS or count * value.element_size() > wire.FrameLimits().payload


def _utf8(text: str) -> str:
    """Return text without lone surrogates, which have no UTF-8 form."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _type_name(value: object) -> str:
    return type(value).__name__[:200]


class Decoder:
    """Turns one message's nodes back into values.

    `strict` is for bytes from a worker: every tensor must be contiguous and fill exactly its own
    storage, and every number in its node is checked before memory is allocated for it. Tensors are
    placed on `device`. `on_handle` says what a handle stands for.
    """

    def __init__(
        self,
        payload: bytes,
        *,
        strict: bool,
        device: torch.device,
        on_handle: Callable[[wire.HandleNode], object],
    ) -> None:
        self._strict = strict
        self._device = device
        self._on_handle = on_handle
        self._storages = _storages(payload)
        self._placed: dict[int, torch.Tensor] = {}
        self._bools: dict[int, torch.Tensor] = {}
        self._objects = 0

    def value(self, node: wire.Node, depth: int = 0) -> Any:
        """Return the value of `node`; raises WireError for a node that no sender of ours makes."""
        if depth > wire.MAX_DEPTH + 1:
            raise wire.WireError(f"a value of more than {wire.MAX_DEPTH} levels")
        match node:
            case wire.TensorNode():
                self._count()
                return self._tensor(node)
            case wire.SequenceNode():
                items = [self.value(item, depth + 1) for item in node.items]
                return items if node.kind == "list" else tuple(items)
            case wire.MappingNode():
                return self._mapping(node, depth)
            case wire.RecordNode():
                fields = {name: self.value(item, depth + 1) for name, item in node.fields}
                if len(fields) != len(node.fields):
                    raise wire.WireError("a record with a field twice")
                return Record(node.type_name, fields)
            case wire.HandleNode():
                self._count()
                return self._on_handle(node)
            case wire.ForeignNode():
                return Foreign(node.type_name, node.note)
            case wire.AbstractNode():
                return Abstract(tuple(node.shape), _dtype(node.dtype), node.device)
            case wire.DtypeNode():
                return _dtype(node.name)
            case wire.DeviceNode():
                return _device(node.name)
            case wire.ComplexNode():
                return complex(node.real, node.imag)
            case wire.BigIntNode():
                return _big_int(node.digits)
            case wire.BytesNode():
                return node.data
        return node

    def _count(self) -> None:
        self._objects += 1
        if self._objects > wire.MAX_OBJECTS:
            raise wire.WireError(f"more than {wire.MAX_OBJECTS} tensors and objects")

    def _mapping(self, node: wire.MappingNode, depth: int) -> dict[Any, Any]:
        result = {}
        for key_node, item in node.pairs:
            key = self.value(key_node, depth + 1)
            if not isinstance(key, (str, int, float, bool, tuple, type(None))):
                raise wire.WireError("a dict key that is not plain data")
            try:
                result[key] = self.value(item, depth + 1)
            except TypeError as error:
                raise wire.WireError("a dict key that cannot be hashed") from error
        if self._strict and len(result) != len(node.pairs):
            raise wire.WireError("a dict with a key twice")
        return result

    def _tensor(self, node: wire.TensorNode) -> torch.Tensor:
        dtype = _dtype(node.dtype)
        _check_layout(node, dtype, len(self._storage(node)), self._strict)
        flat = self._place(node.storage)
        # Without strides it is contiguous.
        stride = () if self._strict else node.stride
        tensor = torch.empty(0, dtype=dtype, device=self._device)
        tensor.set_(flat.untyped_storage(), node.offset, node.shape, stride)
        if dtype == torch.bool and self._strict:
            # A byte other than 0 or 1 in a bool is undefined behaviour in torch's kernels.
            # Once per storage: a message may name one storage many times.
            if node.storage not in self._bools:
                self._bools[node.storage] = flat.ne(0)
            tensor = self._bools[node.storage].view(node.shape)
        if node.requires_grad and (dtype.is_floating_point or dtype.is_complex):
            tensor.requires_grad_(True)
        if self._strict:
            # A plain attribute: the values stay a plain torch.Tensor.
            origin = Origin(str(_device(node.device)), node.kind)
            setattr(tensor, "origin", origin)  # noqa: B010
        return tensor

    def _storage(self, node: wire.TensorNode) -> bytearray:
        try:
            return self._storages[str(node.storage)]
        except KeyError:
            raise wire.WireError("a tensor without its bytes") from None

    def _place(self, number: int) -> torch.Tensor:
        if number not in self._placed:
            data = self._storages[str(number)]
            if data:
                flat = torch.frombuffer(data, dtype=torch.uint8).to(self._device)
            else:
                flat = torch.empty(0, dtype=torch.uint8, device=self._device)
            self._placed[number] = flat
        return self._placed[number]


def _storages(payload: bytes) -> dict[str, bytearray]:
    if not payload:
        return {}
    if int.from_bytes(payload[:8], "little") > wire.FrameLimits().header:
        # The list of storages, as JSON: read, it takes twenty times its bytes.
        raise wire.WireError("a list of storages that is too long")
    try:
        entries = deserialize(payload)  # type: ignore[no-untyped-call]
    except (SafetensorError, ValueError) as error:
        raise wire.WireError("the payload is not in safetensors format") from error
    storages = {}
    for name, entry in entries:
        if entry["dtype"] != "U8":
            raise wire.WireError("a storage that is not bytes")
        storages[name] = entry["data"]
    return storages


def _check_layout(
    node: wire.TensorNode, dtype: torch.dtype, storage_bytes: int, strict: bool
) -> None:
    if len(node.shape) > MAX_RANK or len(node.stride) != len(node.shape):
        raise wire.WireError("a tensor of impossible rank")
    if min([*node.shape, *node.stride, node.offset]) < 0:
        raise wire.WireError("a tensor of negative size")
    if max(node.shape, default=0) > MAX_ELEMENTS:
        raise wire.WireError(f"a dimension of more than {MAX_ELEMENTS} elements")
    numel, extent = 1, 1
    for size in node.shape:
        numel *= size
        extent *= max(size, 1)
    if extent > MAX_ELEMENTS:
        raise wire.WireError(f"a tensor of {extent} elements; {MAX_ELEMENTS} are allowed")
    if strict:
        # Strides from a stranger are not used: the bytes are read as a contiguous tensor.
        if node.offset or storage_bytes != numel * dtype.itemsize:
            raise wire.WireError("a tensor that does not fill its bytes")
        return
    pairs = zip(node.shape, node.stride, strict=True)
    last = node.offset + sum((size - 1) * step for size, step in pairs)
    if numel and (last + 1) * dtype.itemsize > storage_bytes:
        raise wire.WireError("a tensor that reaches beyond its bytes")


def _dtype(name: str) -> torch.dtype:
    try:
        return DTYPES[name]
    except KeyError:
        raise wire.WireError("an unknown dtype") from None


def _device(name: str) -> torch.device:
    if not DEVICES.fullmatch(name):
        raise wire.WireError("an unknown device")
    return torch.device(name)


def _big_int(digits: str) -> int:
    if len(digits) > wire.MAX_DIGITS:
        raise wire.WireError("an integer that is too long")
    try:
        return int(digits, 16)
    except ValueError:
        raise wire.WireError("an integer that is not hexadecimal") from None
