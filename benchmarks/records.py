"""Scores shaped like real ones, without grading anything: for benchmarks, pictures and tests."""

from __future__ import annotations

import hashlib
import math
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from grader import challenge as challenges
from grader.challenge import Challenge, KnownMistake
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

START = datetime(2026, 11, 28, 9, tzinfo=UTC)
TEAMS = (
    *(
        "Kestrel",
        "Softmax & Sons",
        "Gradient Descenders",
        "Ada's Attic",
        "Null Pointers",
        "Öresund",
    ),
    *("The Residuals", "Late Fusion", "Łódź Learners", "Broadcasters", "Tinker", "Warm Restarts"),
)
CHALLENGES = ("02", "04", "05")
LIMITS = LimitsInfo(
    wall_s=60.0,
    cpu_s=120.0,
    memory_mb=4096,
    processes=64,
    open_files=256,
    file_mb=64,
    output_kb=64,
    call_s=10.0,
    threads=1,
)


def score(
    challenge: ChallengeInfo,
    team: str,
    moment: datetime,
    specs: Sequence[SpecResult],
    **fields: Any,
) -> Score:
    """A graded attempt with the points of its specs; `fields` replace what else it holds."""
    sha256 = hashlib.sha256(
        f"{challenge.id} {team} {moment}".encode("utf-8", "replace")
    ).hexdigest()
    points = sum(spec.earned for spec in specs)
    most = sum(spec.points for spec in specs)
    made = Score(
        schema=SCHEMA,
        id=score_id(challenge.id, moment, sha256),
        challenge=challenge,
        team=team,
        submission=SubmissionInfo(name="mine.py", sha256=sha256, bytes=2000),
        submitted_at=moment,
        graded_at=moment + timedelta(seconds=3),
        status="graded",
        message="",
        score=points,
        max_score=most,
        passed=points == most,
        metric=None,
        specs=tuple(specs),
        advice="",
        device=DeviceInfo(type="cpu", name="Example CPU"),
        walls="strong",
        seed=sha256[:32],
        limits=LIMITS,
        usage=Usage(wall_s=2.5, cpu_s=2.0, peak_mb=310.5),
        environment=Environment(python="3.11", torch="2.13", grader="0.1.0", platform="Linux"),
        output="",
        curve=(),
    )
    return msgspec.structs.replace(made, **fields)


def hack_day(
    count: int = 150,
    teams: Sequence[str] = TEAMS,
    keys: Sequence[str] = CHALLENGES,
    *,
    hours: float = 6.5,
    seed: int = 4,
) -> Iterator[Score]:
    """The attempts of a day: each team sheds its mistakes, which are known ones, one after another."""
    chance = random.Random(seed)
    found = [challenges.find(key) for key in keys]
    skill = {team: chance.uniform(0.25, 0.75) for team in teams}
    left = {
        (team, one.id): chance.sample(
            one.known_mistakes(), k=chance.randint(1, 3) if one.train else chance.randint(2, 5)
        )
        for one in found
        for team in teams
    }
    undone = {(team, one.id) for team in teams for one in found}
    for number in range(count):
        part = number / count
        moment = START + timedelta(hours=hours * part, seconds=chance.uniform(0, 60))
        # Later challenges come later, and who has passed one is at work on another.
        at = part * len(found) - 0.5
        pairs = [(team, one) for team in teams for one in found if (team, one.id) in undone]
        weights = [math.exp(-2.5 * abs(found.index(one) - at)) for _, one in pairs]
        team, one = chance.choices(pairs, weights)[0] if pairs else (teams[0], found[0])
        mistakes = left[team, one.id]
        made = _attempt(one, team, moment, mistakes, chance)
        yield made
        if made.passed:
            undone.discard((team, one.id))
        elif mistakes and chance.random() < skill[team]:
            mistakes.pop(chance.randrange(len(mistakes)))


def _attempt(
    one: Challenge, team: str, moment: datetime, mistakes: list[KnownMistake], chance: random.Random
) -> Score:
    info = ChallengeInfo(id=one.id, slug=one.slug, title=one.title, specs_sha256="0" * 64)
    if chance.random() < 0.05:
        return _ungraded(info, team, moment, chance)
    specs = _specs(one, mistakes)
    made = score(info, team, moment, specs, advice=mistakes[0].advice if len(mistakes) == 1 else "")
    if one.metric is None:
        return made
    loss = round(0.82 + 0.35 * len(mistakes) * chance.uniform(0.4, 1) + chance.uniform(0, 0.12), 6)
    metric = Metric(
        name=one.metric.name,
        value=loss,
        stderr=0.004,
        order=one.metric.order,
        precision=one.metric.precision,
    )
    return msgspec.structs.replace(made, metric=metric, curve=_curve(loss, chance))


def _ungraded(info: ChallengeInfo, team: str, moment: datetime, chance: random.Random) -> Score:
    made = score(info, team, moment, [])
    status, message = chance.choice(
        [
            (
                "ungradable",
                "The hand-in is not valid Python in line 41: '(' was never closed (SyntaxError).",
            ),
            ("timeout", "No answer came within 10 s. Is there a loop that does not end?"),
            ("crashed", "The process of the hand-in ended before it answered (signal 11)."),
        ]
    )
    return msgspec.structs.replace(
        made, status=status, message=message, score=0, max_score=100, passed=False
    )


def _specs(one: Challenge, mistakes: Sequence[KnownMistake]) -> list[SpecResult]:
    """What the mistakes together fail, with what the grader said of each of them."""
    messages = {name: text for mistake in mistakes for name, text in mistake.messages.items()}
    results: list[SpecResult] = []
    broken = set(messages)
    for spec in one.specs:
        outcome = "passed"
        if spec.name in messages:
            outcome = "failed"
        elif broken.intersection(spec.needs):
            outcome = "skipped"
            broken.add(spec.name)
        results.append(
            SpecResult(
                name=spec.name,
                title=spec.title,
                points=spec.points,
                earned=spec.points if outcome == "passed" else 0,
                outcome=outcome,
                message=messages.get(spec.name, ""),
                seconds=0.0123,
            )
        )
    return results


def _curve(loss: float, chance: random.Random) -> tuple[CurvePoint, ...]:
    """From the loss of a guess down to somewhere near the measured one, within a minute."""
    speed, end = chance.uniform(0.06, 0.2), chance.uniform(40, 59)
    return tuple(
        CurvePoint(
            step=20 * number,
            loss=loss + (3.9 - loss) * math.exp(-speed * end * number / 59) + chance.gauss(0, 0.02),
            seconds=end * number / 59,
        )
        for number in range(60)
    )
