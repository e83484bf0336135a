"""The trusted end of the wire: remote objects, calls, deadlines, checks on every answer.

`Session` speaks to a worker through a transport; `Remote` objects make its roots look like modules.
The same session over `LocalTransport` gives the reference, so that both sides mean the same.
"""

from __future__ import annotations

import secrets
import weakref
from collections.abc import Callable
from typing import Any, Final

import torch

from grader import replay, words
from grader.challenge import Challenge, Limits
from grader.transport import SessionLost, Transport
from grader.worker import wire
from grader.worker.calls import Vjp
from grader.worker.codec import Decoder, Encoder
from grader.worker.tracing import Program
from grader.worker.values import Record

STOP_GRACE: Final = 3.0
ANSWER_GRACE: Final = 4.0


class _Stopped:
    """What a call returns that was interrupted at its own deadline."""

    def __repr__(self) -> str:
        return "STOPPED"


STOPPED: Final = _Stopped()


class SubmissionError(Exception):
    """The hand-in raised. `types` are the class names along the bases of its exception."""

    def __init__(self, raised: wire.Raised, note: str = "") -> None:
        super().__init__(raised.message)
        self.note = note
        self.types = raised.types
        self.text = raised.message
        self.lines = raised.lines

    def is_a(self, kind: type[BaseException]) -> bool:
        """Return whether the exception is of this kind or of one derived from it."""
        return kind.__name__ in self.types

    def __str__(self) -> str:
        return words.raised(self.types, self.text, self.lines) + self.note


Tamper = Callable[[Any, list[torch.Tensor]], Any]


class Session:
    """One conversation about one hand-in. `tamper` replaces values that came back (for verify)."""

    def __init__(self, transport: Transport, device: torch.device, limits: Limits) -> None:
        self.device = device
        self.tamper: Tamper | None = None
        self.lost: SessionLost | None = None
        self.on_long_call: Callable[[float | None], None] | None = None
        self._transport = transport
        self._limits = limits
        self._released: list[int] = []

    def load(self, challenge: Challenge, folder: str = "") -> wire.Loaded | wire.Raised:
        """Have the worker import the hand-in; returns what it found or what was raised."""
        request = wire.Load(
            _new_id(),
            folder,
            list(challenge.names),
            list(challenge.imports),
            str(self.device),
            self._limits.threads,
            challenge.rig is not None,
        )
        reply, _ = self._exchange(request, b"", self._limits.wall_s)
        if not isinstance(reply, (wire.Loaded, wire.Raised)):
            raise self._violation("an answer of the wrong kind")
        return reply

    def leave(self) -> None:
        """End this hand-in of a series; the session is of no use afterwards."""
        self._transport.send(wire.Frame(wire.encode_message(wire.Leave()), b""), 5.0)

    def remote(self, root: str | int, type_name: str = "module") -> Remote:
        """Return the remote object at a root."""
        return Remote(self, wire.Target(root, []), type_name)

    def seed(self, value: int) -> None:
        """Seed torch and random on the other side."""
        self._ask(wire.Seed(_new_id(), value), b"", self._limits.call_s, [])

    def get(self, target: wire.Target) -> Any:
        """Return the value of an attribute."""
        return self._ask(wire.Get(_new_id(), target), b"", self._limits.call_s, [])

    def call(
        self,
        target: wire.Target,
        mode: wire.Mode,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        extra: dict[str, Any],
        seconds: float | None,
    ) -> Any:
        """Call the target in a mode of grader.worker.calls and return its value."""
        encoder = Encoder(keep_layout=True, on_object=_as_handle)
        positional, named, more = encoder.node(args), encoder.node(kwargs), encoder.node(extra)
        assert isinstance(positional, wire.SequenceNode)
        assert isinstance(named, wire.MappingNode)
        assert isinstance(more, wire.MappingNode)
        released, self._released = self._released, []
        request = wire.Call(_new_id(), target, mode, positional, named, more, seconds, released)
        patience = self._limits.call_s if seconds is None else seconds + ANSWER_GRACE
        inputs = [value for value in args if isinstance(value, torch.Tensor)]
        if seconds is None or self.on_long_call is None:
            return self._ask(request, encoder.payload(), patience, inputs, mode)
        self.on_long_call(seconds)
        try:
            return self._ask(request, encoder.payload(), patience, inputs, mode)
        finally:
            self.on_long_call(None)

    def trace(
        self,
        target: wire.Target,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        hidden: tuple[int, ...] | None,
        seconds: float | None,
    ) -> Any:
        """Have the target called with decoys, and repeat here what it did with the arguments."""
        sent_args, sent_kwargs = replay.decoys(args, kwargs, hidden)
        program = self.call(target, "trace", sent_args, sent_kwargs, {}, seconds)
        if program is STOPPED:
            return STOPPED
        traced = replay.repeat(program, args, kwargs)
        inputs = [value for value in args if isinstance(value, torch.Tensor)]
        return self.tamper(traced, inputs) if self.tamper else traced

    def _ask(
        self,
        request: wire.Load | wire.Call | wire.Get | wire.Seed,
        payload: bytes,
        seconds: float,
        inputs: list[torch.Tensor],
        mode: wire.Mode = "call",
    ) -> Any:
        reply, answer = self._exchange(request, payload, seconds)
        if isinstance(reply, wire.Raised):
            raise SubmissionError(reply, words.ON_META if mode == "meta" else "")
        if isinstance(reply, wire.Stopped) and getattr(request, "seconds", None) is not None:
            return STOPPED
        if not isinstance(reply, wire.Value):
            raise self._violation("an answer of the wrong kind")
        try:
            decoder = Decoder(
                answer, strict=True, device=torch.device("cpu"), on_handle=self._handle
            )
            value = _typed(mode, decoder.value(reply.value))
        except (wire.WireError, RuntimeError, RecursionError, OverflowError) as error:
            raise self._violation(str(error)) from error
        return self.tamper(value, inputs) if self.tamper else value

    def _exchange(
        self,
        request: wire.Load | wire.Call | wire.Get | wire.Seed,
        payload: bytes,
        seconds: float,
    ) -> tuple[wire.Reply, bytes]:
        if self.lost is not None:
            raise self.lost
        try:
            frame = wire.Frame(wire.encode_message(request), payload)
            answer = self._transport.exchange(frame, seconds)
            reply = wire.decode_reply(answer.header)
        except wire.WireError as error:
            raise self._violation(str(error)) from error
        except SessionLost as lost:
            self.lost = lost
            raise
        if isinstance(reply, (wire.Started, wire.Ready)) or reply.id != request.id:
            raise self._violation("an answer to another question")
        return reply, answer.payload

    def _violation(self, reason: str) -> SessionLost:
        message = f"The hand-in's process broke the protocol: {reason}."
        self.lost = SessionLost("violation", message)
        return self.lost

    def _handle(self, node: wire.HandleNode) -> Remote:
        if not isinstance(node.root, int) or node.path:
            raise wire.WireError("a handle to something that is not its own")
        remote = self.remote(node.root, node.type_name)
        weakref.finalize(remote, self._released.append, node.root)
        return remote


def _typed(mode: wire.Mode, value: Any) -> Any:
    """Return the result of a mode as its own type, with every field checked: it came from a stranger."""
    if mode in ("call", "meta"):
        return value
    if mode in ("twice", "overwrite") and isinstance(value, tuple) and len(value) == 2:
        return value
    if not isinstance(value, Record):
        raise wire.WireError(f"an answer to {mode} that is not one")
    match mode, value.fields:
        case "vjp", {
            "output": output,
            "grads": tuple(grads),
            "params": dict(params),
            "second": more,
        }:
            named = all(isinstance(name, str) for name in params)
            second = more is None or (isinstance(more, tuple) and _all_gradients(more))
            if named and second and _all_gradients((*grads, *params.values())):
                return Vjp(output, grads, params, more)
        case "trace", {"steps": tuple(steps), "output": output}:
            return Program(steps, output)
    raise wire.WireError(f"an answer to {mode} that is not one")


def _all_gradients(values: tuple[Any, ...]) -> bool:
    return all(value is None or isinstance(value, torch.Tensor) for value in values)


def _new_id() -> int:
    return secrets.randbits(62)


def _as_handle(value: object) -> wire.Node:
    if isinstance(value, Remote):
        target = value._target
        return wire.HandleNode(target.root, target.path, value._type_name)
    raise TypeError(f"a {type(value).__name__} is not plain data and cannot be sent")


class Remote:
    """Something in the worker. Lazy: nothing crosses the wire until it is called or fetched."""

    def __init__(
        self,
        session: Session,
        target: wire.Target,
        type_name: str,
        owner: Remote | None = None,
        seconds: float | None = None,
    ) -> None:
        self._session = session
        self._target = target
        self._type_name = type_name
        # Keeps the handle alive: the worker forgets an object when its remote is collected here.
        self._owner = owner
        self._seconds = seconds

    def __getattr__(self, name: str) -> Remote:
        """Return the attribute, lazily."""
        if name.startswith("__"):
            raise AttributeError(name)
        return self.attr(name)

    def __getitem__(self, index: int | str) -> Remote:
        """Return the item at an index, lazily."""
        return self._step(index if isinstance(index, int) else str(index))

    def attr(self, name: str) -> Remote:
        """Return the attribute `name`, lazily, also where the name is one of this class's own."""
        return self._step(name)

    def get(self) -> Any:
        """Fetch the value."""
        return self._session.get(self._target)

    @property
    def rig(self) -> Remote:
        """The rig on this side."""
        return self._session.remote("rig")

    def seed(self, value: int) -> None:
        """Seed torch and random on this side."""
        self._session.seed(value)

    def within(self, seconds: float, grace: float = STOP_GRACE) -> Remote:
        """Return the same callable with its own deadline: interrupted after seconds + grace."""
        return Remote(self._session, self._target, self._type_name, self, seconds + grace)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call it; tensors and plain data go and come by value."""
        return self._call("call", args, kwargs, {})

    def vjp(self, *args: Any, cotangent: Any, second: Any = None, **kwargs: Any) -> Any:
        """Call it and run backward there; see grader.worker.calls.vjp."""
        return self._call("vjp", args, kwargs, {"cotangent": cotangent, "second": second})

    def trace(self, *args: Any, hidden: tuple[int, ...] | None = None, **kwargs: Any) -> Any:
        """Call it with other numbers and repeat what it did with these; see grader.replay."""
        return self._session.trace(self._target, args, kwargs, hidden, self._seconds)

    def meta(self, *args: Any, **kwargs: Any) -> Any:
        """Repeat the call on the meta device."""
        return self._call("meta", args, kwargs, {})

    def twice(self, *args: Any, **kwargs: Any) -> Any:
        """Call it twice with the same objects: what the first call did to them shows in the second."""
        return self._call("twice", args, kwargs, {})

    def overwrite(
        self,
        *args: Any,
        output: torch.Tensor | None = None,
        argument: torch.Tensor | None = None,
        **kwargs: Any,
    ) -> Any:
        """Call it, write into the result and then into the argument; see grader.worker.calls.overwrite."""
        return self._call("overwrite", args, kwargs, {"output": output, "argument": argument})

    def _call(
        self,
        mode: wire.Mode,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        extra: dict[str, Any],
    ) -> Any:
        return self._session.call(self._target, mode, args, kwargs, extra, self._seconds)

    def _step(self, step: str | int) -> Remote:
        target = wire.Target(self._target.root, [*self._target.path, step])
        return Remote(self._session, target, "attribute", self)

    def __bool__(self) -> bool:
        """Refuse: an object that stays in the worker must not pass for a true answer."""
        raise TypeError(f"a remote {self._type_name} has no truth value: fetch it with .get()")

    def __repr__(self) -> str:
        return f"<remote {self._type_name}>"
