"""The worker's life: say whether the source compiles, import torch, load the hand-in, answer."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from types import CodeType, ModuleType
from typing import NoReturn

from . import loading, wire


class Channel:
    """Frames over the two private descriptors."""

    def __init__(self, reader: int, writer: int) -> None:
        self._reader = reader
        self._writer = writer

    def receive(self) -> wire.Frame:
        """Return the next frame; raises EndOfStream when the judge has closed the channel."""
        # Frames from the judge are trusted: the limits only catch a broken stream.
        return wire.read_frame(lambda count: os.read(self._reader, count), wire.FrameLimits())

    def send(self, frame: wire.Frame) -> None:
        """Send one frame."""
        wire.write_frame(self._write, frame)

    def reply(self, message: wire.Reply) -> None:
        """Send a message that has no tensors."""
        self.send(wire.Frame(wire.encode_message(message), b""))

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._writer, view) :]


def serve(reader: int, writer: int, hand_in: Path, rig: Path | None) -> NoReturn:
    """Answer requests from descriptor `reader` on descriptor `writer` until the judge closes it."""
    channel = Channel(reader, writer)
    try:
        code = loading.compile_source(hand_in)
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        channel.reply(wire.Ready(loading.describe(error, 0, hand_in.parent)))
        _leave()
    channel.reply(wire.Ready())
    try:
        _answer_all(channel, code, hand_in, rig)
    except (wire.EndOfStream, BrokenPipeError):
        _leave()


def _answer_all(channel: Channel, code: CodeType, hand_in: Path, rig: Path | None) -> NoReturn:
    # Here, not at the top: the judge has its first answer before torch's seconds begin.
    import torch

    from .server import Server

    request = wire.decode_request(channel.receive().header)
    assert isinstance(request, wire.Load)
    torch.set_num_threads(request.threads)
    # Not use_deterministic_algorithms: that imports the compiler stack, two seconds of it.
    torch.set_deterministic_debug_mode("warn")
    for name in request.imports:
        importlib.import_module(name)
    try:
        roots = _roots(code, hand_in, rig if request.rig else None)
    except BaseException as error:
        channel.reply(loading.describe(error, request.id, hand_in.parent))
        _leave()
    module = roots["submission"]
    missing, abstract = loading.unusable(module, request.names)
    names = [name for name in vars(module) if not name.startswith("_")]
    channel.reply(wire.Loaded(request.id, names[:1000], missing, abstract))
    server = Server(roots, torch.device(request.device), hand_in.parent)
    while True:
        channel.send(server.answer(channel.receive()))


def _roots(code: CodeType, hand_in: Path, rig: Path | None) -> dict[str, ModuleType]:
    roots = {}
    if rig is not None:
        roots["rig"] = loading.execute(loading.compile_source(rig), rig, "rig")
    roots["submission"] = loading.execute(code, hand_in, "submission")
    return roots


def _leave() -> NoReturn:
    """End at once: threads and exit handlers of the hand-in have nothing left to say."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
