"""The score: one frozen JSON record per graded attempt.

A record is complete: every field is always there, so that a table, a page or a later version
never has to guess. Times are UTC with microseconds. Numbers are finite or null, because JSON has
no NaN. A change to the fields is a new `SCHEMA`; records of older ones are read as the present one,
in which what they lack has its default.

`gc=False`: frozen records cannot form a cycle, and looking for one among the millions of objects
of a large store would take as long as decoding them.
"""

import json
import math
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from leaderboard.errors import (
    DamagedScoreError,
    ForeignScoreError,
    InvalidScoreError,
    NewerSchemaError,
)
from leaderboard.text import printable_json

SCHEMA: Literal[2] = 2
WHILE_TESTING = " (while testing “{}”)"
"""What a message has at its end where it is known at which spec a hand-in was lost: the spec's title."""

Status = Literal[
    "graded", "ungradable", "timeout", "out_of_memory", "crashed", "violation", "grader_fault"
]
Outcome = Literal["passed", "failed", "skipped", "not_run"]
Walls = Literal["strong", "medium", "weak", "none"]
Order = Literal["lower", "higher"]

Sha256 = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Hex = Annotated[str, Meta(pattern="^[0-9a-f]{1,128}$")]
Name = Annotated[str, Meta(min_length=1)]
Count = Annotated[int, Meta(ge=0)]
Amount = Annotated[float, Meta(ge=0)]
Timestamp = Annotated[datetime, Meta(tz=True)]


class ChallengeInfo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Which challenge, and which version of its specs."""

    id: Name
    slug: Name
    title: str
    specs_sha256: Sha256


class SubmissionInfo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """What was handed in; a hand-in that could not be read has the SHA-256 of nothing."""

    name: str
    sha256: Sha256
    bytes: Count


class Metric(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """What the challenge measures beside points. A value that is not finite becomes None."""

    name: Name
    value: float | None
    stderr: float | None
    order: Order
    precision: Annotated[int, Meta(ge=0, le=12)]
    """Decimals that mean something; standings round to them before they compare."""

    def __post_init__(self) -> None:
        force_setattr(self, "value", _finite(self.value))
        force_setattr(self, "stderr", _finite(self.stderr))


class SpecResult(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """What one spec said. `message` is empty when it passed."""

    name: Name
    title: str
    points: Count
    earned: Count
    outcome: Outcome
    message: str
    seconds: Amount
    private: bool = False
    """An event that keeps private specs to itself shows this one when all is revealed."""

    def __post_init__(self) -> None:
        if self.earned > self.points:
            raise ValueError(f"{self.name} earned {self.earned} of {self.points} points")


class CurvePoint(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One report of a training hand-in: its own loss, so proof of nothing."""

    step: Count
    loss: float | None
    seconds: Amount

    def __post_init__(self) -> None:
        force_setattr(self, "loss", _finite(self.loss))


class DeviceInfo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Where the hand-in's tensors lived: type `cpu` or `cuda`, and the name of the hardware."""

    type: Name
    name: str


class LimitsInfo(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """The limits that the attempt ran under."""

    wall_s: Amount
    cpu_s: Amount
    memory_mb: Count
    processes: Count
    open_files: Count
    file_mb: Count
    output_kb: Count
    call_s: Amount
    threads: Count


class Usage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """What the hand-in used: seconds and MiB, for its whole process tree."""

    wall_s: Amount
    cpu_s: Amount
    peak_mb: Amount


class Environment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """Versions that a number depends on; empty where it never came to be known."""

    python: str
    torch: str
    grader: str
    platform: str


class Score(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """One graded attempt."""

    schema: Literal[1, 2]
    id: Name
    challenge: ChallengeInfo
    team: str
    submission: SubmissionInfo
    submitted_at: Timestamp
    graded_at: Timestamp
    status: Status
    message: str
    """Why the status is not `graded`, in a sentence for the learner; else empty."""
    score: Count
    max_score: Count
    passed: bool
    metric: Metric | None
    specs: tuple[SpecResult, ...]
    advice: str
    device: DeviceInfo
    walls: Walls
    seed: Hex
    limits: LimitsInfo
    usage: Usage
    environment: Environment
    output: str
    """What the hand-in printed, clipped."""
    curve: tuple[CurvePoint, ...]
    private_metric: Metric | None = None
    """The metric as it was measured on what private specs use."""
    signature: str | None = None

    def __post_init__(self) -> None:
        force_setattr(self, "schema", SCHEMA)
        for field in ("submitted_at", "graded_at"):
            force_setattr(self, field, _utc(getattr(self, field)))
        if self.score > self.max_score:
            raise ValueError(f"score {self.score} is above max_score {self.max_score}")
        if self.passed and self.status != "graded":
            raise ValueError(f"passed, although the status is {self.status}")


class _Header(Struct):
    schema: int


def score_id(challenge_id: str, submitted_at: datetime, sha256: str) -> str:
    """The id of an attempt, such as ``04-20261123T212200123456Z-0123456789ab``."""
    return f"{challenge_id}-{time_stamp(submitted_at)}-{sha256[:12]}"


def time_stamp(moment: datetime) -> str:
    """A time in UTC that sorts as text and may stand in a file name."""
    return f"{_utc(moment):%Y%m%dT%H%M%S%fZ}"


def rfc3339(moment: datetime) -> str:
    """A time in UTC as records hold it: always with microseconds, always with Z."""
    return _utc(moment).isoformat(timespec="microseconds").replace("+00:00", "Z")


def encode(score: Score) -> bytes:
    """The record as pretty JSON: fields in their order, UTF-8, one newline at the end.

    Characters that could trick a terminal are written as escapes. Raises `InvalidScoreError` for
    a record that `decode` would refuse.
    """
    try:
        fields = msgspec.to_builtins(score)
        fields["submitted_at"] = rfc3339(score.submitted_at)
        fields["graded_at"] = rfc3339(score.graded_at)
        document = json.dumps(fields, indent=2, ensure_ascii=False, allow_nan=False)
        data = printable_json(document).encode() + b"\n"
        _decoder.decode(data)
    except (msgspec.MsgspecError, TypeError, ValueError, OverflowError) as error:
        raise InvalidScoreError(f"This score would not be readable: {error}") from error
    return data


def decode(data: bytes) -> Score:
    """The record that `encode` wrote.

    Raises `NewerSchemaError`, `ForeignScoreError` or `DamagedScoreError`, each with the reason.
    """
    try:
        return _decoder.decode(data)
    # Overflow: a time at the edge of the calendar; recursion: brackets without end.
    except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
        _raise_reason(data, error)
        raise DamagedScoreError(f"damaged score: {error}") from error


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of a record."""
    (root,), components = msgspec.json.schema_components([Score], ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Score of the PyTorch challenge kit",
        **root,
        "$defs": components,
    }


def _raise_reason(data: bytes, error: Exception) -> None:
    """Tell a newer or foreign file from a damaged one."""
    try:
        schema = msgspec.json.decode(data, type=_Header).schema
    except msgspec.ValidationError:
        raise ForeignScoreError("not a score: it has no schema number") from error
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return
    if schema > SCHEMA:
        raise NewerSchemaError(
            f"written by a newer version of the kit (schema {schema}, this one reads up to "
            f"{SCHEMA}): update the kit to count it"
        ) from error


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError(f"time without a time zone: {moment.isoformat()}")
    return moment.astimezone(UTC)


_decoder = msgspec.json.Decoder(Score)
