"""A score to start from."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from leaderboard.score import (
    SCHEMA,
    ChallengeInfo,
    CurvePoint,
    DeviceInfo,
    Environment,
    LimitsInfo,
    Metric,
    Score,
    SpecResult,
    SubmissionInfo,
    Usage,
    score_id,
)

MakeScore = Callable[..., Score]
START = datetime(2026, 11, 23, 21, 22, 0, 123456, tzinfo=UTC)


@pytest.fixture(scope="session")
def make_score() -> MakeScore:
    """Build a valid score; `minute` and `source` tell attempts apart, the rest replaces fields."""
    return build_score


def build_score(
    *,
    team: str = "red",
    score: int = 40,
    minute: float = 0,
    source: str = "x = 1",
    loss: float | None = None,
    challenge: str = "04",
    **fields: Any,
) -> Score:
    submitted_at = START + timedelta(minutes=minute)
    sha256 = hashlib.sha256(f"{team}{source}".encode("utf-8", "replace")).hexdigest()
    record = Score(
        schema=SCHEMA,
        id=score_id(challenge, submitted_at, sha256),
        challenge=ChallengeInfo(
            id=challenge,
            slug="causal_attention",
            title="Causal self-attention",
            specs_sha256="0" * 64,
        ),
        team=team,
        submission=SubmissionInfo(name="my.py", sha256=sha256, bytes=5),
        submitted_at=submitted_at,
        graded_at=submitted_at + timedelta(seconds=3),
        status="graded",
        message="",
        score=score,
        max_score=100,
        passed=score == 100,
        metric=None if loss is None else build_metric(loss),
        specs=(
            SpecResult(
                name="test_matches_reference",
                title="The output equals the reference.",
                points=100,
                earned=score,
                outcome="passed" if score == 100 else "failed",
                message="",
                seconds=0.25,
            ),
        ),
        advice="",
        device=DeviceInfo(type="cpu", name="Example CPU"),
        walls="strong",
        seed="deadbeefdeadbeefdeadbeefdeadbeef",
        limits=LimitsInfo(
            wall_s=60.0,
            cpu_s=120.0,
            memory_mb=4096,
            processes=64,
            open_files=256,
            file_mb=64,
            output_kb=64,
            call_s=10.0,
            threads=1,
        ),
        usage=Usage(wall_s=2.5, cpu_s=2.0, peak_mb=310.5),
        environment=Environment(python="3.11.9", torch="2.13.0", grader="0.1.0", platform="linux"),
        output="",
        curve=(CurvePoint(step=1, loss=3.9, seconds=0.1),),
    )
    return msgspec.structs.replace(record, **fields)


def build_metric(value: float, **fields: Any) -> Metric:
    metric = Metric(name="loss", value=value, stderr=0.004, order="lower", precision=3)
    return msgspec.structs.replace(metric, **fields)


@pytest.fixture(scope="session")
def make_metric() -> Callable[..., Metric]:
    """Build a loss."""
    return build_metric
