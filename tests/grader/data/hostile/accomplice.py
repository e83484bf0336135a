"""What hostile hand-ins share: right answers to the mini challenge, and a hand on the worker's channel."""

import fcntl
import os
import stat
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch
from kit_worker import wire
from torch import nn

LAST_FORWARD = 3


def double(x: torch.Tensor) -> torch.Tensor:
    """A right answer."""
    return x * 2


def row_means(x: torch.Tensor) -> torch.Tensor:
    """A right answer."""
    return x.mean(dim=1)


class Affine(nn.Module):
    """A right answer that calls `at_last` in the last forward of a grading."""

    at_last: Callable[[], None] = staticmethod(lambda: None)
    forwards = 0

    def __init__(self, weight: float, bias: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))
        self.bias = nn.Parameter(torch.tensor(bias))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        Affine.forwards += 1
        if Affine.forwards == LAST_FORWARD:
            self.at_last()
        return self.weight * x + self.bias


def channel() -> tuple[int, int]:
    """The two ends of the channel to the judge, found among the open descriptors."""
    ends = {}
    for descriptor in range(3, 256):
        try:
            if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                access = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
                ends[access] = descriptor
        except OSError:
            continue
    return ends[os.O_RDONLY], ends[os.O_WRONLY]


def write(data: bytes) -> None:
    """Send these bytes to the judge."""
    view = memoryview(data)
    while view:
        view = view[os.write(channel()[1], view) :]


def reply(message: wire.Reply) -> None:
    """Send a well-formed answer to the judge."""
    wire.write_frame(write, wire.Frame(wire.encode_message(message), b""))


def asked() -> wire.Request:
    """The request that is being answered, found in the frames of the server."""
    frame: FrameType | None = sys._getframe()
    while frame is not None:
        request: Any = frame.f_locals.get("request")
        if isinstance(request, (wire.Load, wire.Call)):
            return request
        frame = frame.f_back
    raise LookupError("no request in any frame")


def when_idle(act: Callable[[], None]) -> None:
    """Act in a thread as soon as the main thread waits for the judge's next request."""
    main = threading.main_thread().ident

    def watch() -> None:
        while True:
            frame: FrameType | None = sys._current_frames()[main]
            while frame is not None:
                if frame.f_code.co_name == "receive":
                    act()
                    return
                frame = frame.f_back
            time.sleep(0.001)

    threading.Thread(target=watch, daemon=True).start()
