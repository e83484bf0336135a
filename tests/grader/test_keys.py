"""Keys of a terminal, one by one; and the terminal as it was, afterwards."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from queue import Queue

import pytest

if sys.platform == "win32":
    pytest.skip("there are no pseudo-terminals", allow_module_level=True)

import termios

from grader import keys
from grader.keys import Keys, names


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of a pseudo-terminal: what a person types into, and what a program reads."""
    ends = os.openpty()
    yield ends
    for end in ends:
        os.close(end)


def test_a_key_arrives_without_enter(terminal: tuple[int, int]) -> None:
    """Each key is told as it is pressed, and is not echoed."""
    person, program = terminal
    told: Queue[str] = Queue()

    with Keys(program, told.put):
        assert not termios.tcgetattr(program)[3] & termios.ECHO
        for key, expected in ((b"h", "h"), (b"\r", keys.ENTER), (b"\x04", keys.END)):
            os.write(person, key)
            assert told.get(timeout=20) == expected


def test_modes_are_restored_after_an_exception(terminal: tuple[int, int]) -> None:
    """Whatever ends the context, the terminal has the modes that it had."""
    _, program = terminal
    before = termios.tcgetattr(program)

    def fail() -> None:
        with Keys(program, lambda key: None):
            assert termios.tcgetattr(program) != before
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert termios.tcgetattr(program) == before


def test_a_terminal_that_goes_away_is_the_end() -> None:
    """When the other end is closed, the end is told once, and nothing is raised."""
    person, program = os.openpty()
    told: Queue[str] = Queue()

    with Keys(program, told.put):
        os.close(person)
        assert told.get(timeout=20) == keys.END
    os.close(program)

    assert told.empty()


def test_arrows_are_no_letters() -> None:
    """The sequence of a special key is not taken for the letters in it; Escape alone is Escape."""
    assert names(b"\x1b[D") == []
    assert names(b"\x1b") == [keys.ESCAPE]
    assert names(b"hd") == ["h", "d"]
    assert names("é".encode()) == []
    assert names(b"") == [keys.END]
