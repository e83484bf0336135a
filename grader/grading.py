"""`grade`: the one road from a hand-in to a score."""

from __future__ import annotations

import platform
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

import grader
from grader import submission as submissions
from grader.advice import advise
from grader.challenge import Challenge, Limits
from grader.errors import HandInError, JudgeFault, WallRequiredError
from grader.signatures import signed
from grader.spec_list import MAX_SCORE
from grader.submission import Submission
from grader.supervising import Follower, Outcome, supervise
from grader.verdict import JudgeRequest, Measured, Run, Verdict
from grader.walls import Wall, choose, shows_files
from leaderboard.score import (
    SCHEMA,
    ChallengeInfo,
    DeviceInfo,
    Environment,
    LimitsInfo,
    Metric,
    Score,
    SpecResult,
    Status,
    SubmissionInfo,
    Usage,
    Walls,
    score_id,
)

SEALED_FAULT: Final = (
    "The judge failed. Its words may quote specs of this sealed challenge, so they are not shown: "
    "`grader seal open` and `grader verify` say more."
)


class Attempt(msgspec.Struct, frozen=True):
    """Who hands in, for what, when, and how it is to be graded.

    `seed` is hexadecimal; without it one is drawn. `limits` replaces the challenge's own.
    """

    challenge: Challenge
    team: str
    device: str = "cpu"
    seed: str | None = None
    limits: Limits | None = None
    submitted_at: datetime = msgspec.field(default_factory=lambda: datetime.now(UTC))

    def limits_in_force(self) -> Limits:
        """Return the limits of this attempt."""
        return self.limits or self.challenge.limits


def grade(
    source: str, attempt: Attempt, wall: Wall | None = None, follower: Follower | None = None
) -> Score:
    """Grade the hand-in at `source` (file, folder or "-") and return its score.

    Whatever is wrong with the hand-in is a status of the score; only our own faults raise GraderError.
    """
    try:
        submission = submissions.read(source, attempt.challenge.file_name)
    except HandInError as error:
        return unread(source, attempt, error)
    return grade_submission(submission, attempt, wall, follower)


def unread(source: str, attempt: Attempt, error: HandInError) -> Score:
    """Return the score of a hand-in that cannot be read."""
    submission = submissions.unreadable(source)
    seed = attempt.seed or new_seed()
    return signed(build_score(attempt, submission, _ungradable(str(error)), seed, "none"))


def grade_submission(
    submission: Submission,
    attempt: Attempt,
    wall: Wall | None = None,
    follower: Follower | None = None,
) -> Score:
    """Grade a hand-in that was read already: a function of (challenge, bytes, seed, limits)."""
    seed = attempt.seed or new_seed()
    return grade_runs({"": submission}, attempt, [Run(seed)], wall, follower)[0]


def grade_runs(
    hand_ins: Mapping[str, Submission],
    attempt: Attempt,
    runs: list[Run],
    wall: Wall | None = None,
    follower: Follower | None = None,
) -> list[Score]:
    """Run the specs several times in one pair of processes: a score for each run.

    `hand_ins`: the one under "", or a series by the folder that each run names (verify's own files
    only: each of a series runs in a child of the worker that the next one's child descends from too).
    """
    attempt.challenge.check_open()
    wall = wall or choose()
    if attempt.challenge.sealed_in is not None and shows_files(wall):
        raise WallRequiredError(
            f"Challenge {attempt.challenge.key} is sealed, and the only wall here does not hide its specs "
            "from the hand-in. `grader doctor` says how to get a stronger one."
        )
    limits = attempt.limits_in_force()
    request = JudgeRequest(str(attempt.challenge.folder), attempt.device, limits, runs)

    def produce() -> Outcome:
        return supervise(attempt.challenge, hand_ins, request, wall, follower)

    return scored(attempt, hand_ins, runs, wall.level, produce)


def scored(
    attempt: Attempt,
    hand_ins: Mapping[str, Submission],
    runs: list[Run],
    level: Walls,
    produce: Callable[[], Outcome],
) -> list[Score]:
    """Return a score for each run of the outcome that `produce` returns."""
    try:
        outcome = produce()
    except JudgeFault as fault:
        verdict = Verdict("grader_fault", str(fault), [], None, "", "")
        outcome = Outcome([verdict] * len(runs), "", (), 0.0, 0.0, 0.0)
    return [
        signed(build_score(attempt, hand_ins[run.folder], outcome, run.seed, level, verdict))
        for run, verdict in zip(runs, outcome.verdicts, strict=True)
    ]


def new_seed() -> str:
    """Return a fresh secret seed, 64 bits in hexadecimal."""
    return secrets.token_hex(8)


def _ungradable(message: str) -> Outcome:
    return Outcome([Verdict("ungradable", message, [], None, "", "")], "", (), 0.0, 0.0, 0.0)


def build_score(
    attempt: Attempt,
    submission: Submission,
    outcome: Outcome,
    seed: str,
    walls: Any,
    verdict: Verdict | None = None,
) -> Score:
    """Return the record: points only for specs that the judge reports as passed, and only if all
    specs of the challenge are accounted for."""
    challenge = attempt.challenge
    verdict = verdict or outcome.verdicts[0]
    status, message, specs = _account(challenge, verdict)
    points = sum(spec.earned for spec in specs)
    return Score(
        schema=SCHEMA,
        id=score_id(challenge.id, attempt.submitted_at, submission.sha256),
        challenge=_challenge_info(challenge),
        team=attempt.team,
        submission=_submission_info(submission),
        submitted_at=attempt.submitted_at,
        graded_at=datetime.now(UTC),
        status=status,
        message=message,
        score=points,
        max_score=MAX_SCORE,
        passed=status == "graded" and points >= challenge.passing,
        metric=_metric(challenge, verdict.metric, status),
        specs=specs,
        advice=advise(challenge, specs) if status == "graded" else "",
        device=_device_info(attempt, verdict),
        walls=walls,
        seed=seed,
        limits=LimitsInfo(**msgspec.to_builtins(attempt.limits_in_force())),
        usage=Usage(wall_s=outcome.wall_s, cpu_s=outcome.cpu_s, peak_mb=outcome.peak_mb),
        environment=_environment(verdict),
        output=outcome.output,
        curve=outcome.curve,
        private_metric=_metric(challenge, verdict.private_metric, status),
    )


def _challenge_info(challenge: Challenge) -> ChallengeInfo:
    return ChallengeInfo(
        id=challenge.id,
        slug=challenge.slug,
        title=challenge.title,
        specs_sha256=challenge.specs_sha256(),
    )


def _submission_info(submission: Submission) -> SubmissionInfo:
    return SubmissionInfo(name=submission.name, sha256=submission.sha256, bytes=submission.size)


def _device_info(attempt: Attempt, verdict: Verdict) -> DeviceInfo:
    name = verdict.device_name or platform.processor() or platform.machine()
    return DeviceInfo(type=attempt.device.partition(":")[0], name=name)


def _environment(verdict: Verdict) -> Environment:
    return Environment(
        python=platform.python_version(),
        torch=verdict.torch,
        grader=grader.__version__,
        platform=platform.platform(),
    )


def _account(challenge: Challenge, verdict: Verdict) -> tuple[Status, str, tuple[SpecResult, ...]]:
    """Return status, message and results, from the list of specs that was known beforehand."""
    reported = {spec.name: spec for spec in verdict.specs}
    known = [spec.name for spec in challenge.specs]
    status, message = verdict.status, verdict.message
    if status == "graded" and (len(verdict.specs) != len(known) or set(reported) != set(known)):
        status, message = "grader_fault", "The judge's report does not account for every spec."
    if status == "grader_fault" and challenge.sealed_in is not None:
        # A traceback or pytest's report quotes lines of specs, and this may go to a public log.
        message = SEALED_FAULT
    results = []
    for spec in challenge.specs:
        said = reported.get(spec.name)
        outcome = said.outcome if said else "not_run"
        earned = spec.points if status == "graded" and outcome == "passed" else 0
        results.append(
            SpecResult(
                name=spec.name,
                title=spec.title,
                points=spec.points,
                earned=earned,
                outcome=outcome,
                message=said.message if said else "",
                seconds=said.seconds if said else 0.0,
                private=spec.private,
            )
        )
    return status, message, tuple(results)


def _metric(challenge: Challenge, measured: Measured | None, status: Status) -> Metric | None:
    rule = challenge.metric
    if rule is None or measured is None or status != "graded":
        return None
    return Metric(
        name=rule.name,
        value=measured.value,
        stderr=measured.stderr,
        order=rule.order,
        precision=rule.precision,
    )
