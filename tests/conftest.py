"""What every test may use: the mini challenge, and a right hand-in for it."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from grader import keyring
from grader.challenge import Challenge, load

TESTS = Path(__file__).parent

# Hidden specs and hand-ins are material of tests, not tests.
collect_ignore_glob = ["challenges/*_*/*", "submissions/*"]


# Under nohup, and in the background of a script, some signals are ignored, and a child would inherit that.
# A handler that does nothing ignores them here as well, and no child inherits it.
for _name in ("SIGINT", "SIGQUIT", "SIGHUP"):
    _number = getattr(signal, _name, None)
    if _number is not None and signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, lambda number, frame: None)


@pytest.fixture(autouse=True)
def no_key_is_held() -> Iterator[None]:
    """What a command has taken out of the environment is not there for the next test."""
    yield
    keyring.forget()


@pytest.fixture(scope="session")
def mini() -> Challenge:
    """A challenge of two functions and a class, in tests/challenges/90_mini."""
    return load(TESTS / "challenges" / "90_mini")


@pytest.fixture(scope="session")
def submissions() -> Path:
    """The folder of golden hand-ins for the mini challenge."""
    return TESTS / "submissions"
