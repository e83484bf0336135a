"""What passes between supervisor and judge: one request, then events as lines of JSON."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from grader.challenge import Limits
from leaderboard.score import Outcome, Status


class Run(msgspec.Struct, frozen=True):
    """One pass over the specs.

    `seed` in hexadecimal. `tamper` replaces what the worker returns, to prove that the specs notice.
    `train_seconds` replaces the challenge's own training time. `folder` names the hand-in where the
    worker was given a series of them.
    """

    seed: str
    tamper: str | None = None
    train_seconds: float | None = None
    folder: str = ""


class JudgeRequest(msgspec.Struct, frozen=True):
    """What the judge is started for. Written to a private file that the judge deletes at once.

    `second`: the judge's descriptors, to read and to write, of the channel to a second worker.
    `supervisor`: its process id, where the judge is to end if that process has.
    """

    challenge: str
    device: str
    limits: Limits
    runs: list[Run]
    second: tuple[int, int] | None = None
    supervisor: int | None = None


class SpecVerdict(msgspec.Struct, frozen=True):
    """What the judge's own report says about one spec."""

    name: str
    outcome: Outcome
    message: str
    seconds: float


class Measured(msgspec.Struct, frozen=True):
    """The challenge's metric, from a spec."""

    value: float
    stderr: float | None


class Progress(msgspec.Struct, tag="progress", frozen=True):
    """A spec has begun; `budget` is set while the hand-in trains."""

    spec: str
    number: int
    total: int
    budget: float | None = None


class Retired(msgspec.Struct, tag="retired", frozen=True):
    """The first worker has done its part, and must be gone before the second is asked anything."""


class Verdict(msgspec.Struct, tag="verdict", frozen=True):
    """The end of one run. `message` says why the status is not `graded`."""

    status: Status
    message: str
    specs: list[SpecVerdict]
    metric: Measured | None
    torch: str
    device_name: str
    private_metric: Measured | None = None


Event: TypeAlias = Progress | Retired | Verdict


def encode_event(event: Event) -> bytes:
    """Return the event as one line of JSON."""
    return msgspec.json.encode(event) + b"\n"


def decode_event(line: bytes) -> Event:
    """Return the event in a line; raises msgspec.DecodeError."""
    return _events.decode(line)


_events: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
