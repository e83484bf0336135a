"""Both ways to read and write pipes keep the same promises."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import pytest

from grader.pipes import Ends, PolledEnds, ThreadedEnds

SOON = 0.05


class Other:
    """The other end of both pipes."""

    def __init__(self, kind: type[PolledEnds | ThreadedEnds]) -> None:
        (there, to_us), (from_us, out) = os.pipe(), os.pipe()
        self.ends: Ends = kind(there, out)
        self._open = {"to_us": to_us, "from_us": from_us}

    def write(self, data: bytes) -> None:
        """Write to us."""
        os.write(self._open["to_us"], data)

    def read(self, count: int) -> bytes:
        """Read what we wrote."""
        return os.read(self._open["from_us"], count)

    def close(self, *names: str) -> None:
        """Close some of its descriptors, or all."""
        for name in names or [*self._open]:
            os.close(self._open.pop(name))


@pytest.fixture(params=[PolledEnds, ThreadedEnds])
def other(request: pytest.FixtureRequest) -> Iterator[Other]:
    """The other end of each kind."""
    made = Other(request.param)
    yield made
    made.close()


def soon() -> float:
    """A deadline that a test can wait for."""
    return time.monotonic() + SOON


def late() -> float:
    """A deadline that nothing here reaches."""
    return time.monotonic() + 10


def test_bytes_come_in_order_and_never_too_many(other: Other) -> None:
    """Reads return at most what was asked for, and lose nothing of what came in one piece."""
    other.write(b"abcdef")
    read = [other.ends.read(4, late()), other.ends.read(4, late())]
    other.write(b"gh")
    read.append(other.ends.read(4, late()))

    assert read == [b"abcd", b"ef", b"gh"]


def test_silence_is_timed(other: Other) -> None:
    """Where nothing comes a read ends at its deadline, and a later one still gets what came late."""
    with pytest.raises(TimeoutError):
        other.ends.read(1, soon())
    other.write(b"x")

    assert other.ends.read(1, late()) == b"x"


def test_the_end_is_an_empty_read(other: Other) -> None:
    """When the other end is closed, what was written before still comes, then the end, again and again."""
    other.write(b"x")
    other.close("to_us")

    assert [other.ends.read(9, late()) for _ in range(3)] == [b"x", b"", b""]


def test_waiting_says_whether_something_came(other: Other) -> None:
    """It is true for bytes, for those that were read ahead, and for the end."""
    before = other.ends.waiting()
    other.write(b"xy")
    deadline = late()
    while not other.ends.waiting() and time.monotonic() < deadline:
        time.sleep(0.001)
    other.ends.read(1, late())
    held = other.ends.waiting()
    other.ends.read(1, late())
    after = other.ends.waiting()
    other.close("to_us")
    while not other.ends.waiting() and time.monotonic() < deadline:
        time.sleep(0.001)

    assert (before, held, after, other.ends.waiting()) == (False, True, False, True)


def test_more_than_a_pipe_holds_is_written(other: Other) -> None:
    """A large message arrives whole at a reader that takes its time."""
    data = os.urandom(1 << 20)
    writing = threading.Thread(target=other.ends.write, args=(data, late()))
    writing.start()
    got = bytearray()
    while len(got) < len(data):
        got += other.read(1 << 14)
    writing.join()

    assert bytes(got) == data


def test_a_writer_does_not_wait_for_ever(other: Other) -> None:
    """Where nobody reads, a message larger than the pipe ends at its deadline."""
    with pytest.raises(TimeoutError):
        other.ends.write(bytes(1 << 20), soon())


def test_a_closed_reader_is_an_error(other: Other) -> None:
    """Writing to nobody raises OSError, and not for being late."""
    other.close("from_us")
    with pytest.raises(OSError, match="Broken pipe") as caught:
        other.ends.write(b"x", late())

    assert not isinstance(caught.value, TimeoutError)
