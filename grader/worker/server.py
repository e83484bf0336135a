"""Answers requests about a set of roots: the hand-in in the worker, the solution in the judge."""

from __future__ import annotations

import contextlib
import itertools
import random
import signal
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch

from . import calls, loading, wire
from .codec import Decoder, Encoder
from .values import Foreign

LIMITS = wire.FrameLimits(total=1 << 62)


class Interrupted(BaseException):
    """Raised in the hand-in's own call when its deadline has passed."""


class LeftError(Exception):
    """The judge is done with this hand-in."""


class Server:
    """Holds the roots and the objects that the judge has handles to, and answers one frame at a time.

    `folder` is where the hand-in lies: only lines of files in it appear in tracebacks.
    """

    def __init__(self, roots: Mapping[str, object], device: torch.device, folder: Path) -> None:
        self._roots = dict(roots)
        self._device = device
        self._folder = folder
        self._objects: dict[int, object] = {}
        self._numbers = itertools.count(1)

    def answer(self, frame: wire.Frame) -> wire.Frame:
        """Return the reply to the request in `frame`; whatever the hand-in raises is a reply too.

        Raises LeftError for a Leave.
        """
        request = wire.decode_request(frame.header)
        if isinstance(request, wire.Leave):
            raise LeftError
        try:
            value = self._perform(request, frame.payload)
            reply = self._reply(request.id, value)
        except Interrupted:
            return wire.Frame(wire.encode_message(wire.Stopped(request.id)), b"")
        except BaseException as error:
            raised = loading.describe(error, request.id, self._folder)
            return wire.Frame(wire.encode_message(raised), b"")
        return reply

    def _perform(self, request: wire.Request, payload: bytes) -> Any:
        match request:
            case wire.Seed():
                random.seed(request.value)
                torch.manual_seed(request.value)
                return None
            case wire.Get():
                return self._resolve(request.target)
            case wire.Call():
                return self._call(request, payload)
        raise wire.WireError("a request that this end does not answer")

    def _call(self, request: wire.Call, payload: bytes) -> Any:
        for number in request.release:
            self._objects.pop(number, None)
        decoder = Decoder(payload, strict=False, device=self._device, on_handle=self._object)
        function = self._resolve(request.target)
        args = decoder.value(request.args)
        kwargs = decoder.value(request.kwargs)
        extra = decoder.value(request.extra)
        with _deadline(request.seconds):
            return calls.invoke(function, request.mode, args, kwargs, extra)

    def _resolve(self, target: wire.Target | wire.HandleNode) -> Any:
        value: Any
        if isinstance(target.root, str):
            value = self._roots[target.root]
        else:
            value = self._objects[target.root]
        for step in target.path:
            value = getattr(value, step) if isinstance(step, str) else value[step]
        return value

    def _object(self, node: wire.HandleNode) -> object:
        return self._resolve(node)

    def _reply(self, number: int, value: Any) -> wire.Frame:
        encoder = Encoder(keep_layout=False, on_object=self._keep)
        node = encoder.node(value)
        header = wire.encode_message(wire.Value(number, node))
        payload = encoder.payload()
        if len(header) > LIMITS.header or len(payload) > LIMITS.payload:
            size = len(header) + len(payload)
            raise MemoryError(f"the result has {size} bytes, more than the grader takes")
        return wire.Frame(header, payload)

    def _keep(self, value: object) -> wire.Node:
        module = type(value).__module__.partition(".")[0]
        name = type(value).__name__[:200]
        if module == "numpy":
            return wire.ForeignNode(f"numpy.{name}", "an array of another library")
        if isinstance(value, Foreign):
            return wire.ForeignNode(value.type_name, value.note)
        number = next(self._numbers)
        self._objects[number] = value
        return wire.HandleNode(number, [], name)


@contextlib.contextmanager
def _deadline(seconds: float | None) -> Iterator[None]:
    """Raise Interrupted in the main thread once `seconds` have passed (POSIX; elsewhere no-op).

    The judge's own clock is the limit; this only gives a call the chance to end with its work kept.
    """
    if seconds is None or not hasattr(signal, "setitimer"):
        yield
        return
    done = False

    def interrupt(number: int, frame: object) -> None:
        if not done:
            raise Interrupted

    previous = signal.signal(signal.SIGALRM, interrupt)
    # Repeats, because a single exception can be swallowed inside a __del__ or a callback.
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
    try:
        yield
    finally:
        done = True
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
