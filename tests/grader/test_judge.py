"""The judge decides from its own report: whatever the worker does, points are for values alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from grader.challenge import Challenge, Limits
from grader.grading import Attempt, _account, grade_submission
from grader.specs import Fault, verdicts
from grader.submission import Submission
from grader.verdict import (
    Event,
    JudgeRequest,
    Run,
    SpecVerdict,
    Verdict,
    decode_event,
)
from grader.worker import wire
from leaderboard.score import Outcome, Score

HOSTILE = Path(__file__).parent / "data" / "hostile"
CASES = sorted(path.stem for path in HOSTILE.glob("*.py") if path.stem != "accomplice")
SIDE_BY_SIDE = 2
# A call of these hand-ins takes milliseconds, unless it is meant never to end.
HURRIED = ("stops_itself",)


def header(name: str, field: str, default: str) -> str:
    """What a hostile hand-in says about itself."""
    match = re.search(rf"^# {field}: (\w+)$", (HOSTILE / f"{name}.py").read_text(), re.MULTILINE)
    return match[1] if match else default


def grade_hostile(name: str, mini: Challenge) -> Score:
    """Grade a hand-in of data/hostile, with its accomplice beside it."""
    files = {f"{stem}.py": (HOSTILE / f"{stem}.py").read_bytes() for stem in (name, "accomplice")}
    limits = msgspec.structs.replace(mini.limits, call_s=2.0 if name in HURRIED else 50.0)
    attempt = Attempt(mini, "hostile", seed="1", limits=limits)
    return grade_submission(Submission.of(name, files), attempt)


@pytest.fixture(scope="module")
def graded(request: pytest.FixtureRequest, mini: Challenge) -> Iterator[Callable[[str], Score]]:
    """The score of a hostile hand-in; those of the selected tests are graded side by side."""
    names = [
        item.callspec.params["hostile"]
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and "graded" in item.fixturenames
        and "hostile" in getattr(getattr(item, "callspec", None), "params", {})
    ]
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        futures: dict[str, Future[Score]] = {
            name: pool.submit(grade_hostile, name, mini) for name in dict.fromkeys(names)
        }
        yield lambda name: futures[name].result()
        pool.shutdown(cancel_futures=True)


@pytest.mark.walls
@pytest.mark.parametrize("hostile", CASES)
def test_hostile_hand_in_gets_its_status(hostile: str, graded: Callable[[str], Score]) -> None:
    """A hand-in that takes hold of the channel gets the status that fits, and points for values only."""
    score = graded(hostile)
    wanted = header(hostile, "status", "violation"), int(header(hostile, "score", "0"))

    assert (score.status, score.score) == wanted, (score.message, score.specs, score.output)


@pytest.mark.walls
@pytest.mark.parametrize("hostile", CASES)
def test_hostile_hand_in_leaves_a_readable_record(
    hostile: str, graded: Callable[[str], Score]
) -> None:
    """Whatever was sent, the record says why it is not graded, and stays small."""
    score = graded(hostile)

    assert (score.status != "graded") == bool(score.message)
    assert len(msgspec.json.encode(score)) < 200_000


# The judge's process, with a fake worker on its streams. None of these needs torch.


def judge(folder: Path, sent: bytes, runs: Sequence[Run], challenge: Path) -> list[Event]:
    """Run a judge against a worker that sends these bytes and ends; return what it reports."""
    request = folder / "request.json"
    limits = Limits(call_s=50.0)
    request.write_bytes(
        msgspec.json.encode(JudgeRequest(str(challenge), "cpu", limits, list(runs)))
    )
    done = subprocess.run(
        [sys.executable, "-P", "-B", "-m", "grader.judge", str(request)],
        input=sent,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        timeout=120,
        check=True,
    )
    assert not request.exists()
    return [decode_event(line) for line in done.stderr.splitlines()]


def framed(message: wire.Reply) -> bytes:
    """A message as the bytes of a frame."""
    parts: list[bytes] = []
    wire.write_frame(parts.append, wire.Frame(wire.encode_message(message), b""))
    return b"".join(parts)


SYNTAX_ERROR = wire.Raised(0, ["SyntaxError"], "invalid syntax", [wire.Line("my.py", 3, "", "x x")])
STARTED = framed(wire.Started())
FIRST_MESSAGES = {
    # Before its first message a worker has not touched the hand-in.
    "nothing": (b"", "grader_fault"),
    "no_second": (STARTED, "crashed"),
    "half_a_prefix": (STARTED + wire.MAGIC, "crashed"),
    "garbage": (STARTED + b"\0" * 64, "violation"),
    "4_gib": (STARTED + wire.PREFIX.pack(wire.MAGIC, 9, 4 << 30), "violation"),
    "no_message": (STARTED + wire.PREFIX.pack(wire.MAGIC, 1, 0) + b"\xc1", "violation"),
    "another_message": (STARTED + framed(wire.Value(1, None)), "violation"),
    "started_twice": (STARTED + STARTED, "violation"),
    "does_not_compile": (STARTED + framed(wire.Ready(SYNTAX_ERROR)), "ungradable"),
}


@pytest.mark.parametrize("name", FIRST_MESSAGES)
def test_first_message_decides_for_every_run(name: str, tmp_path: Path, mini: Challenge) -> None:
    """A worker that is lost before it says that it is ready gets the same verdict for each run."""
    sent, status = FIRST_MESSAGES[name]
    events = judge(tmp_path, sent, [Run("1"), Run("2")], mini.folder)

    assert [event.status for event in events if isinstance(event, Verdict)] == [status] * 2
    assert len(events) == 2


def test_a_broken_challenge_is_our_fault(tmp_path: Path) -> None:
    """A challenge that the judge cannot read is reported as a fault, with the reason."""
    sent = STARTED + framed(wire.Ready())
    (event,) = judge(tmp_path, sent, [Run("1")], tmp_path / "90_gone")

    assert isinstance(event, Verdict)
    assert event.status == "grader_fault"
    assert "90_gone/challenge.toml" in event.message


# Accounting: pytest-json-report's record against the specs that were known before.


def entry(name: str, outcome: str = "passed", **metadata: str) -> dict[str, Any]:
    """One test in pytest-json-report's record."""
    told = metadata or {"kind": outcome, "message": ""}
    phase = {"duration": 0.5, "outcome": "passed"}
    return {
        "nodeid": f"test_mini.py::{name}",
        "outcome": outcome,
        "metadata": told,
        "setup": phase,
        "call": phase,
    }


def full(mini: Challenge) -> list[dict[str, Any]]:
    """An entry for each spec, all passed."""
    return [entry(spec.name) for spec in mini.specs]


def test_a_full_report_gives_a_verdict_for_each_spec(mini: Challenge) -> None:
    """The verdicts stand in the challenge's order, whatever the report's, with all phases timed."""
    found = verdicts(mini, {"tests": full(mini)[::-1]})

    assert [verdict.name for verdict in found] == [spec.name for spec in mini.specs]
    assert {verdict.seconds for verdict in found} == {1.0}


def _missing(tests: list[dict[str, Any]]) -> None:
    del tests[2]


def _twice(tests: list[dict[str, Any]]) -> None:
    tests.append(tests[0])


def _unknown(tests: list[dict[str, Any]]) -> None:
    tests.append(entry("test_extra_points"))


def _renamed(tests: list[dict[str, Any]]) -> None:
    tests[0] = entry("test_doubl")


def _without_words(tests: list[dict[str, Any]]) -> None:
    tests[0]["metadata"] = {}


def _without_metadata(tests: list[dict[str, Any]]) -> None:
    del tests[0]["metadata"]


def _contradicting(tests: list[dict[str, Any]]) -> None:
    tests[0]["outcome"] = "failed"


def _failed_but_called_passed(tests: list[dict[str, Any]]) -> None:
    tests[0] = entry("test_double", "passed", kind="failed", message="wrong")


def _ours(tests: list[dict[str, Any]]) -> None:
    tests[0] = entry("test_double", "failed", kind="grader_fault", message="NameError")


def _empty(tests: list[dict[str, Any]]) -> None:
    tests.clear()


@pytest.mark.parametrize(
    "damage",
    [
        _missing,
        _twice,
        _unknown,
        _renamed,
        _without_words,
        _without_metadata,
        _contradicting,
        _failed_but_called_passed,
        _ours,
        _empty,
    ],
    ids=lambda damage: damage.__name__.strip("_"),
)
def test_a_report_that_does_not_add_up_is_a_fault(
    damage: Callable[[list[dict[str, Any]]], None], mini: Challenge
) -> None:
    """Anything missing, doubled, unknown or contradicting in the judge's report gives no verdicts."""
    tests = full(mini)
    damage(tests)

    with pytest.raises(Fault):
        verdicts(mini, {"tests": tests})


def test_no_report_at_all_is_a_fault_that_quotes_pytest(mini: Challenge) -> None:
    """Where pytest made no report, what it printed is the explanation."""
    with pytest.raises(Fault, match="unrecognized arguments"):
        verdicts(mini, {"talk": "error: unrecognized arguments"})


def test_a_spec_file_that_cannot_be_imported_is_a_fault(mini: Challenge) -> None:
    """The error of the collection is the explanation."""
    collectors = [{"longrepr": "NameError: name 'tensr' is not defined"}]

    with pytest.raises(Fault, match="tensr"):
        verdicts(mini, {"tests": [], "collectors": collectors})


# The supervisor counts once more, over what the judge sent.


def verdict(mini: Challenge, *left_out: str, extra: Sequence[str] = (), **fields: Any) -> Verdict:
    """A judge's verdict in which every spec passed, but for those left out."""
    names = [spec.name for spec in mini.specs if spec.name not in left_out]
    outcome: Outcome = "passed"
    specs = [SpecVerdict(name, outcome, "", 0.1) for name in [*names, *extra]]
    return msgspec.structs.replace(Verdict("graded", "", specs, None, "", ""), **fields)


def test_every_spec_accounted_for_earns_its_points(mini: Challenge) -> None:
    """A complete verdict is worth the points that the challenge names."""
    status, message, results = _account(mini, verdict(mini))

    assert (status, message) == ("graded", "")
    assert [result.earned for result in results] == [spec.points for spec in mini.specs]


@pytest.mark.parametrize(
    ("left_out", "extra"),
    [
        (("test_double",), ()),
        ((), ("test_double",)),
        ((), ("test_extra_points",)),
        (("test_double",), ("test_extra_points",)),
        (("test_double",), ("test_affine",)),
    ],
    ids=["missing", "doubled", "unknown", "renamed", "doubled_for_missing"],
)
def test_a_verdict_that_does_not_add_up_earns_nothing(
    left_out: tuple[str, ...], extra: tuple[str, ...], mini: Challenge
) -> None:
    """Missing, doubled and unknown specs make it our fault, and no spec earns a point."""
    status, message, results = _account(mini, verdict(mini, *left_out, extra=extra))

    assert status == "grader_fault"
    assert message
    assert sum(result.earned for result in results) == 0


@pytest.mark.parametrize("status", ["timeout", "crashed", "violation", "out_of_memory"])
def test_only_a_graded_verdict_earns_points(status: str, mini: Challenge) -> None:
    """Specs that passed before the worker was lost are shown, and are worth nothing."""
    lost = verdict(mini, "test_affine_twice", status=status, message="lost")
    kept, message, results = _account(mini, lost)

    assert (kept, message) == (status, "lost")
    assert [result.outcome for result in results] == ["passed"] * 4 + ["not_run"]
    assert sum(result.earned for result in results) == 0
