"""The worker's server: whatever is asked and whatever the hand-in does, there is one answer."""

from __future__ import annotations

import itertools
import random
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy
import pytest
import torch

from grader.worker import wire
from grader.worker.codec import Encoder
from grader.worker.server import LeftError, Server

NUMBERS = itertools.count(1)
NO_EXTRA = wire.MappingNode([])


class Unspeakable(Exception):
    """An exception that cannot be put into words."""

    def __str__(self) -> str:
        raise RuntimeError("no words")


def fail(error: BaseException) -> None:
    """Raise what is given."""
    raise error


def forever() -> None:
    """Never return, and swallow what ordinary code swallows."""
    while True:
        try:
            time.sleep(0.01)
        except Exception:
            continue


class Dropping:
    """A class whose objects swallow one exception when they go."""

    def __del__(self) -> None:
        time.sleep(10)


def swallow_once() -> None:
    """Hold on for as long as nobody insists."""
    Dropping()
    time.sleep(10)


HAND_IN = SimpleNamespace(
    make=lambda: SimpleNamespace(value=5, parts=["a", "b"]),
    value_of=lambda thing: thing.value,
    echo=lambda *args, **kwargs: [args, kwargs],
    large=lambda: list(range(3_000_000)),
    write_and_read=lambda one, other: (one.fill_(7.0), other[0].item())[1],
    scalar=lambda: numpy.int64(3),
    array=lambda: numpy.ones(2),
    words=lambda: fail(ValueError("wrong")),
    no_words=lambda: fail(Unspeakable()),
    leave=lambda: fail(SystemExit(3)),
    interrupt=lambda: fail(KeyboardInterrupt()),
    recurse=lambda: HAND_IN.recurse(),
    forever=forever,
    swallow_once=swallow_once,
    draw=lambda: [random.random(), torch.rand(1).item()],
)


@pytest.fixture
def server() -> Server:
    """A server whose hand-in is HAND_IN."""
    roots = {"submission": HAND_IN, "rig": SimpleNamespace(name="the rig")}
    return Server(roots, torch.device("cpu"), Path(__file__).parent)


def answer(server: Server, request: wire.Request, payload: bytes = b"") -> wire.Reply:
    """The reply to a request."""
    frame = server.answer(wire.Frame(wire.encode_message(request), payload))
    return wire.decode_reply(frame.header)


def call(
    server: Server,
    *path: str | int,
    args: tuple[Any, ...] = (),
    root: str | int = "submission",
    seconds: float | None = None,
    release: list[int] | None = None,
) -> wire.Reply:
    """The reply to a call; a wire node among the arguments stands for itself."""
    encoder = Encoder(keep_layout=True, on_object=lambda node: node)  # type: ignore[arg-type, return-value]
    nodes = wire.SequenceNode("tuple", [encoder.node(arg) for arg in args])
    target = wire.Target(root, list(path))
    number = next(NUMBERS)
    request = wire.Call(number, target, "call", nodes, NO_EXTRA, NO_EXTRA, seconds, release or [])
    reply = answer(server, request, encoder.payload())
    assert getattr(reply, "id", None) == number
    return reply


def made(server: Server) -> wire.HandleNode:
    """A handle to a new object in the server."""
    reply = call(server, "make")
    assert isinstance(reply, wire.Value)
    assert isinstance(reply.value, wire.HandleNode)
    return reply.value


def test_an_object_is_kept_under_a_number(server: Server) -> None:
    """An object is answered by a new number and its type's name, and is found again by it."""
    one, other = made(server), made(server)

    assert one.root != other.root
    assert (one.path, one.type_name) == ([], "SimpleNamespace")
    assert call(server, "value_of", args=(one,)) == wire.Value(next(NUMBERS) - 1, 5)


def test_a_handle_leads_along_a_path(server: Server) -> None:
    """Attributes and indices are followed from an object."""
    handle = made(server)
    reply = answer(server, wire.Get(1, wire.Target(handle.root, ["parts", 1])))

    assert reply == wire.Value(1, "b")


def test_the_rig_is_a_root_of_its_own(server: Server) -> None:
    """What lies beside the hand-in is reached by the name of its root."""
    assert answer(server, wire.Get(1, wire.Target("rig", ["name"]))) == wire.Value(1, "the rig")


def test_a_released_object_is_forgotten(server: Server) -> None:
    """A number that the judge has released stands for nothing any more."""
    handle = made(server)
    assert isinstance(handle.root, int)
    call(server, "echo", release=[handle.root])
    reply = call(server, "value_of", args=(handle,))

    assert isinstance(reply, wire.Raised)
    assert "KeyError" in reply.types


@pytest.mark.parametrize(
    ("root", "path", "kind"),
    [
        ("submission", ["nothing_of_that_name"], "AttributeError"),
        ("elsewhere", ["make"], "KeyError"),
        (10**6, ["make"], "KeyError"),
    ],
)
def test_what_is_not_there_is_an_error_of_the_call(
    root: str | int, path: list[str | int], kind: str, server: Server
) -> None:
    """A wrong name or number is answered by an exception, and the server lives on."""
    reply = call(server, *path, root=root)

    assert isinstance(reply, wire.Raised)
    assert kind in reply.types
    assert isinstance(call(server, "echo"), wire.Value)


RAISING = {
    "words": ("ValueError", "wrong"),
    "no_words": ("Unspeakable", "(the exception could not be put into words)"),
    "leave": ("SystemExit", "3"),
    "interrupt": ("KeyboardInterrupt", ""),
    "recurse": ("RecursionError", "maximum recursion depth exceeded"),
}


@pytest.mark.parametrize("name", RAISING)
def test_whatever_is_raised_is_an_answer(name: str, server: Server) -> None:
    """Exceptions of every kind are answered by their class, its bases, and their words."""
    kind, words = RAISING[name]
    reply = call(server, name)

    assert isinstance(reply, wire.Raised)
    assert reply.types[0] == kind
    assert reply.types[-1] == "BaseException"
    assert reply.message.startswith(words)


def test_an_answer_that_is_too_large_is_an_error_of_the_call(server: Server) -> None:
    """A result beyond the limits of a frame is refused there, with its size, before it is sent."""
    reply = call(server, "large")

    assert isinstance(reply, wire.Raised)
    assert reply.types[0] == "MemoryError"
    assert "bytes" in reply.message


@pytest.mark.parametrize("name", ["scalar", "array"])
def test_other_libraries_values_are_answered_by_name(name: str, server: Server) -> None:
    """numpy's numbers and arrays are neither tensors nor objects to keep."""
    reply = call(server, name)

    assert isinstance(reply, wire.Value)
    assert isinstance(reply.value, wire.ForeignNode)
    assert reply.value.type_name.startswith("numpy.")


def test_seeding_sets_both_generators(server: Server) -> None:
    """Python's and torch's generators repeat their draws after the same seed."""
    drawn = []
    for _ in range(2):
        answer(server, wire.Seed(1, 2**60))
        reply = call(server, "draw")
        assert isinstance(reply, wire.Value)
        drawn.append(reply.value)

    assert drawn[0] == drawn[1]


@pytest.mark.skipif(sys.platform == "win32", reason="interrupts by signal")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", ["forever", "swallow_once"])
def test_a_call_is_stopped_at_its_deadline(name: str, server: Server) -> None:
    """A call beyond its own deadline is interrupted, and again until it really ends."""
    assert isinstance(call(server, name, seconds=0.05), wire.Stopped)


@pytest.mark.skipif(sys.platform == "win32", reason="interrupts by signal")
def test_a_call_in_time_leaves_no_alarm_behind(server: Server) -> None:
    """After a call with a deadline the timer is off and the old handler is back."""
    before = signal.getsignal(signal.SIGALRM)
    reply = call(server, "echo", seconds=30.0)

    assert isinstance(reply, wire.Value)
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is before


def test_leaving_ends_the_conversation(server: Server) -> None:
    """A Leave has no answer."""
    with pytest.raises(LeftError):
        server.answer(wire.Frame(wire.encode_message(wire.Leave()), b""))


def test_bytes_that_are_no_request_are_refused(server: Server) -> None:
    """What is no request of the judge's is a WireError: the channel itself is broken."""
    with pytest.raises(wire.WireError):
        server.answer(wire.Frame(b"\xc1", b""))


def test_arguments_share_memory_as_they_were_sent(server: Server) -> None:
    """Tensors of one call that share a storage do so in the call."""
    data = torch.zeros(4)
    reply = call(server, "write_and_read", args=(data[:2], data[1:]))

    assert reply == wire.Value(next(NUMBERS) - 1, 7.0)
