"""The worker's life: say whether the source compiles, import torch, load the hand-in, answer."""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import random
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from . import loading, wire

BUFFER = 1 << 16


class Channel:
    """Frames over the two private descriptors."""

    def __init__(self, reader: int, writer: int) -> None:
        # Prefix, header and payload mostly come in one piece.
        self._reader = io.BufferedReader(io.FileIO(reader, closefd=False), BUFFER)
        self._writer = writer

    def receive(self) -> wire.Frame:
        """Return the next frame; raises EndOfStream when the judge has closed the channel."""
        # Frames from the judge are trusted: the limits only catch a broken stream.
        return wire.read_frame(self._reader.read1, wire.FrameLimits())

    def send(self, frame: wire.Frame) -> None:
        """Send one frame."""
        wire.write_frame(lambda data: wire.write_all(self._writer, data), frame)

    def reply(self, message: wire.Reply) -> None:
        """Send a message that has no tensors."""
        self.send(wire.Frame(wire.encode_message(message), b""))


def serve(
    reader: int,
    writer: int,
    hand_in: Path,
    rig: Path | None,
    shown_name: str,
    at_end: Callable[[], None] = lambda: None,
) -> NoReturn:
    """Answer requests from descriptor `reader` on descriptor `writer` until the judge closes it.

    `at_end` is called then.
    """
    channel = Channel(reader, writer)
    # Where there is no hand-in at the root there is a series of them in folders below it.
    series = not hand_in.exists()
    try:
        channel.reply(wire.Started())
        error = None if series else _compile_error(hand_in, shown_name)
        channel.reply(wire.Ready(error))
        if error is None:
            # Here, not at the top: the judge has its first answer before torch's seconds begin.
            import torch  # noqa: F401

            (_serve_series if series else _serve_one)(channel, hand_in.parent, rig, shown_name)
    except (wire.EndOfStream, BrokenPipeError):
        pass
    at_end()
    _leave(0)


def _compile_error(hand_in: Path, shown_name: str) -> wire.Raised | None:
    try:
        loading.compile_source(hand_in, shown_name)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        return loading.describe(error, 0, hand_in.parent)
    return None


def _serve_one(channel: Channel, root: Path, rig: Path | None, shown_name: str) -> None:
    request = _next_load(channel)
    _import_all(request)
    _answer(channel, request, root, rig, shown_name)


def _serve_series(channel: Channel, root: Path, rig: Path | None, shown_name: str) -> None:
    """Serve each hand-in in a forked child; this process imports, waits, and never runs a hand-in."""
    while True:
        request = _next_load(channel)
        _import_all(request)
        child = os.fork()
        if child == 0:
            _answer(channel, request, root, rig, shown_name)
            _leave(0)
        _, status = os.waitpid(child, 0)
        if status != 0:
            # The judge must not take a parent's silence for that of the hand-in.
            _leave(1)


def _next_load(channel: Channel) -> wire.Load:
    while True:
        request = wire.decode_request(channel.receive().header)
        # A hand-in that could not be imported has left already when the judge leaves it.
        if not isinstance(request, wire.Leave):
            assert isinstance(request, wire.Load)
            return request


def _import_all(request: wire.Load) -> None:
    for name in request.imports:
        importlib.import_module(name)


def _answer(
    channel: Channel, request: wire.Load, root: Path, rig: Path | None, shown_name: str
) -> None:
    """Load the hand-in and answer until the judge leaves it."""
    import torch

    from .server import LeftError, Server

    hand_in = root / request.folder / "submission.py"
    # Last, so that a helper module of the hand-in cannot shadow torch or the standard library.
    sys.path.append(str(hand_in.parent))
    torch.set_num_threads(request.threads)
    # Not use_deterministic_algorithms: that imports the compiler stack, two seconds of it.
    torch.set_deterministic_debug_mode("warn")
    _seed_all(request.device)
    try:
        roots = _roots(hand_in, rig if request.rig else None, shown_name)
    except BaseException as error:
        channel.reply(loading.describe(error, request.id, hand_in.parent))
        return
    module = roots["submission"]
    missing, abstract = loading.unusable(module, request.names)
    names = [name for name in vars(module) if not name.startswith("_")]
    channel.reply(wire.Loaded(request.id, names[:1000], missing, abstract))
    server = Server(roots, torch.device(request.device), hand_in.parent)
    with contextlib.suppress(LeftError):
        while True:
            channel.send(server.answer(channel.receive()))


def _seed_all(device: str) -> None:
    """Make a hand-in's own draws (dropout, initial weights) the same in every grading. No secret."""
    import torch

    random.seed(0)
    if device == "cpu":
        # torch.manual_seed looks for devices of five kinds.
        torch.default_generator.manual_seed(0)
    else:
        torch.manual_seed(0)
    with contextlib.suppress(ImportError):
        import numpy

        numpy.random.seed(0)


def _roots(hand_in: Path, rig: Path | None, shown_name: str) -> dict[str, ModuleType]:
    roots = {}
    if rig is not None:
        roots["rig"] = loading.execute(loading.compile_source(rig), rig, "rig", own=False)
    code = loading.compile_source(hand_in, shown_name)
    roots["submission"] = loading.execute(code, hand_in, "submission")
    return roots


def _leave(code: int) -> NoReturn:
    """End at once: threads and exit handlers of the hand-in have nothing left to say."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
