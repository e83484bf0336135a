"""A worker without torch or a hand-in that misbehaves as its argument says, on descriptors 0 and 1."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

sys.path.insert(0, str(Path(__file__).parents[3]))

from grader.worker import wire

CALLS = 3


def asked() -> wire.Load | wire.Call:
    """The next request."""
    frame = wire.read_frame(lambda count: os.read(0, count), wire.FrameLimits())
    request = wire.decode_request(frame.header)
    assert isinstance(request, (wire.Load, wire.Call))
    return request


def write(data: bytes) -> None:
    """All of these bytes."""
    view = memoryview(data)
    while view:
        view = view[os.write(1, view) :]


def reply(message: wire.Reply | wire.Request, payload: bytes = b"") -> None:
    """A well-formed frame."""
    wire.write_frame(write, wire.Frame(wire.encode_message(message), payload))


def announce(header: int, payload: int) -> None:
    """The beginning of a frame of these lengths."""
    write(wire.PREFIX.pack(wire.MAGIC, header, payload))


def imported() -> None:
    """An honest import."""
    reply(wire.Loaded(asked().id, ["f"], [], []))


def answers(count: int) -> None:
    """An honest import and so many honest answers."""
    imported()
    for _ in range(count):
        reply(wire.Value(asked().id, 1.0))


def die() -> NoReturn:
    """The end, as a crash would make it."""
    os._exit(7)


def stay() -> NoReturn:
    """Alive, and silent."""
    while True:
        time.sleep(60)


def dies_at_import() -> None:
    asked()


def dies_in_the_first_call() -> None:
    imported()
    asked()


def dies_between_calls() -> None:
    answers(1)


def dies_in_the_last_call() -> None:
    answers(CALLS - 1)
    asked()


def dies_after_the_last_call() -> None:
    answers(CALLS)


def dies_within_an_answer() -> None:
    imported()
    asked()
    announce(100, 0)
    write(b"half")


def is_silent_at_import() -> None:
    asked()
    stay()


def is_silent_in_a_call() -> None:
    answers(1)
    asked()
    stay()


def stops_within_an_answer() -> None:
    imported()
    asked()
    announce(100, 0)
    write(b"half")
    stay()


def stops_reading() -> None:
    imported()
    stay()


def sends_garbage() -> None:
    imported()
    asked()
    write(b"GET / HTTP/1.1\r\nHost: judge\r\n\r\n")
    stay()


def sends_garbage_at_import() -> None:
    asked()
    write(b"\0" * 64)
    stay()


def sends_a_broken_message() -> None:
    imported()
    asked()
    wire.write_frame(write, wire.Frame(b"\xc1 is never MessagePack", b""))
    stay()


def announces_4_gib_of_payload() -> None:
    imported()
    asked()
    announce(10, 4 << 30)
    stay()


def announces_4_gib_of_header() -> None:
    imported()
    asked()
    announce((4 << 30) - 1, 0)
    stay()


def answers_a_later_call() -> None:
    imported()
    reply(wire.Value(asked().id + 1, 1.0))
    stay()


def answers_an_earlier_call() -> None:
    imported()
    first = asked()
    reply(wire.Value(first.id, 1.0))
    asked()
    reply(wire.Value(first.id, 1.0))
    stay()


def answers_twice() -> None:
    imported()
    request = asked()
    reply(wire.Value(request.id, 1.0))
    reply(wire.Value(request.id, 1.0))
    stay()


def answers_before_it_is_asked() -> None:
    imported()
    reply(wire.Value(1, 1.0))
    stay()


def is_ready_again() -> None:
    imported()
    asked()
    reply(wire.Ready())
    stay()


def answers_a_call_as_if_it_were_an_import() -> None:
    imported()
    reply(wire.Loaded(asked().id, ["f"], [], []))
    stay()


def answers_an_import_as_if_it_were_a_call() -> None:
    reply(wire.Value(asked().id, 1.0))
    stay()


def asks_instead_of_answering() -> None:
    imported()
    reply(wire.Seed(asked().id, 1))
    stay()


def _flood(payload: bytes) -> None:
    imported()
    request = asked()
    while True:
        reply(wire.Value(request.id, 1.0), payload)


def floods() -> None:
    _flood(b"")


def floods_with_payload() -> None:
    _flood(bytes(1 << 16))


def behaviours() -> Iterator[str]:
    """The names that may stand on the command line."""
    known = {"asked", "write", "reply", "announce", "imported", "answers", "die", "stay"}
    for name, value in globals().items():
        if getattr(value, "__module__", "") == __name__ and not name.startswith("_"):
            if name not in known | {"behaviours"}:
                yield name


if __name__ == "__main__":
    assert sys.argv[1] in behaviours()
    try:
        globals()[sys.argv[1]]()
        die()
    except (wire.EndOfStream, BrokenPipeError):
        os._exit(0)
