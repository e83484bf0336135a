"""The supervisor: clocks, limits, the judge's end, and what is kept of prints."""

from __future__ import annotations

import math
import os
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil
import pytest

from grader import listening, supervising
from grader.challenge import Challenge, Limits, load
from grader.errors import GradingStopped
from grader.grading import Attempt, grade_runs, grade_submission
from grader.submission import Submission
from grader.supervising import Follower
from grader.verdict import JudgeRequest, Progress, Run, decode_event, encode_event
from grader.walls import WALLS, Wall
from leaderboard.score import CurvePoint, Score

RIGHT = (Path(__file__).parent.parent / "submissions" / "correct" / "solution.py").read_bytes()


def hand_in(source: bytes | str) -> Submission:
    """A hand-in of one file."""
    data = source if isinstance(source, bytes) else source.encode()
    return Submission.of("my.py", {"my.py": data})


class Watcher(Follower):
    """Notes the progress, and stops a grading that has come so far."""

    def __init__(self, stop_at: float = math.inf) -> None:
        self.seen: list[Progress] = []
        self._stop_at = time.monotonic() + stop_at

    def progress(self, progress: Progress, point: CurvePoint | None, elapsed: float) -> None:
        """Note it."""
        self.seen.append(progress)

    def stopped(self) -> bool:
        """Whether the time has come."""
        return time.monotonic() > self._stop_at


def graded(
    challenge: Challenge, source: bytes | str, follower: Follower | None = None, **limits: float
) -> Score:
    """The score of a hand-in under other limits."""
    changed = msgspec.structs.replace(challenge.limits, **limits)
    attempt = Attempt(challenge, "supervised", seed="1", limits=changed)
    return grade_submission(hand_in(source), attempt, follower=follower)


def changed(mini: Challenge, folder: Path, old: str, new: str) -> Challenge:
    """A copy of the mini challenge with something else in its specs."""
    copy = Path(shutil.copytree(mini.folder, folder / mini.key))
    (specs,) = (copy / "specs").glob("test_*.py")
    text = specs.read_text()
    assert old in text
    specs.write_text(text.replace(old, new, 1))
    return load(copy)


# Limits that the supervisor watches.


@pytest.mark.walls
def test_processor_time_is_limited() -> None:
    """A tree that has used up its processor time gets `timeout`, in seconds of processor time."""
    mini = load(Path(__file__).parent.parent / "challenges" / "90_mini")
    score = graded(mini, b"while True:\n    pass\n", cpu_s=3.0, wall_s=300.0, call_s=300.0)

    assert (score.status, score.score) == ("timeout", 0), (score.message, score.usage)
    assert "s of processor time; 3 s are allowed" in score.message
    assert score.usage.cpu_s >= 3.0


@pytest.mark.walls
def test_a_limit_ends_every_run(mini: Challenge) -> None:
    """Where a limit ends a series of runs, each run that had not ended has its status."""
    limits = msgspec.structs.replace(mini.limits, wall_s=1.0)
    attempt = Attempt(mini, "supervised", limits=limits)
    source = hand_in(b"import time\ntime.sleep(600)\n")
    scores = grade_runs({"": source}, attempt, [Run("1"), Run("2"), Run("3")])

    assert [score.status for score in scores] == ["timeout"] * 3
    assert [score.seed for score in scores] == ["1", "2", "3"]


# The judge is ours: whatever happens to it is no fault of the hand-in's.


BROKEN = {
    "a_name_that_is_none": ("x = normal(rng, 4, 6)", "x = nrmal(rng, 4, 6)", "NameError"),
    "an_import_that_fails": ("import torch", "import torch, absent_module", "absent_module"),
    "a_judge_that_ends": ("x = normal(rng, 4, 6)", "import os; os._exit(3)", "The judge ended (3)"),
}


@pytest.mark.walls
@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_spec_is_our_fault(name: str, mini: Challenge, tmp_path: Path) -> None:
    """A right hand-in graded by a broken spec gets `grader_fault`, with the reason, and no points."""
    old, new, reason = BROKEN[name]
    score = graded(changed(mini, tmp_path, old, new), RIGHT)

    assert (score.status, score.score, score.passed) == ("grader_fault", 0, False)
    assert reason in score.message


@pytest.mark.walls
def test_progress_names_each_spec(mini: Challenge, monkeypatch: pytest.MonkeyPatch) -> None:
    """The supervisor is told which spec runs, as a number of all; a right hand-in gets all points."""
    monkeypatch.setattr(supervising, "METER_EVERY", 0.0)
    watcher = Watcher()
    score = graded(mini, RIGHT, watcher)
    known = {(spec.title, n, len(mini.specs)) for n, spec in enumerate(mini.specs, 1)}

    assert (score.status, score.score, score.passed) == ("graded", 100, True)
    assert {(event.spec, event.number, event.total) for event in watcher.seen} <= known
    assert watcher.seen


@pytest.mark.walls
def test_a_follower_stops_a_grading(mini: Challenge) -> None:
    """A hand-in that would run for ever ends with its grading, and there is no score."""
    began, before = time.monotonic(), set(psutil.Process().children(recursive=True))
    with pytest.raises(GradingStopped):
        graded(mini, "while True:\n    pass\n", Watcher(stop_at=1.0))

    assert not set(psutil.Process().children(recursive=True)) - before
    assert time.monotonic() - began < mini.limits.wall_s


@pytest.mark.walls
@pytest.mark.parametrize("wall", WALLS, ids=lambda wall: wall.level)
def test_every_wall_gives_the_same_score(wall: Wall, mini: Challenge) -> None:
    """The weakest wall too grades a right hand-in to the end, and the record says which it was."""
    if wall.missing():
        pytest.skip(f"{wall.name}: {wall.missing()}")
    score = grade_submission(hand_in(RIGHT), Attempt(mini, "supervised"), wall=wall)

    assert (score.status, score.score, score.walls) == ("graded", 100, wall.level), score.message


# What is laid out for the worker, and what becomes of it.


@pytest.mark.walls
def test_nothing_is_left_of_a_grading(
    mini: Challenge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder in which hand-in, worker and request lay is gone when the score is there."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    score = graded(mini, b"this does not compile")

    assert score.status == "ungradable"
    assert list(tmp_path.iterdir()) == []


def test_only_what_the_worker_may_see_is_laid_out(mini: Challenge, tmp_path: Path) -> None:
    """Staged are the hand-in, the rig and the worker's own modules, and no file of the challenge."""
    request = JudgeRequest(str(mini.folder), "cpu", mini.limits, [Run("5eed")])
    (job,) = supervising._stage(tmp_path, mini, {"": hand_in(RIGHT)}, request)
    staged = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    worker = {f"worker/{path.name}" for path in supervising.WORKER_MODULES.glob("*.py")}

    assert staged == {"handin/submission.py", "rig.py"} | worker
    assert b"5eed" not in b"".join((tmp_path / name).read_bytes() for name in staged)
    assert (job.hand_in / "submission.py").read_bytes() == RIGHT


TWO_WORKERS = """
@pytest.mark.points(10)
@pytest.mark.needs("test_affine")
def test_affine_twice(submission, stranger, reference, rng, expect):
    \"\"\"An Affine can be applied to its own output.\"\"\"
    x = normal(rng, 1)
    expect(submission.double(x), reference.double(x), hint="double(x) is 2x.")
    expect(stranger().double(x), reference.double(x), hint="Something was remembered.")
"""
REMEMBERS = (
    RIGHT
    + b"""
import os
from pathlib import Path
seen = []
note = Path(os.environ["HOME"], "note")
honest = double
def double(x):
    if x.numel() == 1:
        if seen or note.exists():
            return x
        seen.append(x)
        note.write_text("seen")
    return honest(x)
"""
)


@pytest.mark.walls
@pytest.mark.skipif(os.name != "posix", reason="the second channel has descriptors of its own")
@pytest.mark.parametrize("wall", WALLS, ids=lambda wall: wall.level)
def test_a_stranger_knows_nothing_of_the_first_worker(
    wall: Wall, mini: Challenge, tmp_path: Path
) -> None:
    """With two workers, what one has kept in memory or in its home folder is not in the other."""
    if wall.missing():
        pytest.skip(f"{wall.name}: {wall.missing()}")
    copy = Path(shutil.copytree(mini.folder, tmp_path / mini.key))
    (specs,) = (copy / "specs").glob("test_*.py")
    text = specs.read_text()
    last = text.index('@pytest.mark.points(10)\n@pytest.mark.needs("test_affine")')
    specs.write_text(text[:last] + TWO_WORKERS)
    toml = copy / "challenge.toml"
    toml.write_text(toml.read_text().replace("names =", "workers = 2\nnames ="))
    two = load(copy)
    one = msgspec.structs.replace(two, workers=1)
    outcomes = {}
    for challenge in (one, two):
        score = grade_submission(hand_in(REMEMBERS), Attempt(challenge, "two"), wall)
        assert score.status == "graded", score.message
        outcomes[challenge.workers] = score.specs[-1].outcome

    assert outcomes == {1: "failed", 2: "passed"}


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_the_request_is_private(mini: Challenge, tmp_path: Path) -> None:
    """The file that holds the seed can be read by the person who grades alone, and never exists twice."""
    request = JudgeRequest(str(mini.folder), "cpu", mini.limits, [Run("5eed")])
    path = supervising._write_request(tmp_path, request)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        supervising._write_request(tmp_path, request)


def test_the_judge_is_steered_by_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that change what Python or pytest do are not passed on to the judge."""
    for name in (
        "PYTHONPATH",
        "PYTHONSTARTUP",
        "PYTEST_ADDOPTS",
        "PYTEST_PLUGINS",
        "OMP_NUM_THREADS",
    ):
        monkeypatch.setenv(name, "changed")
    monkeypatch.setenv("HTTPS_PROXY", "kept")
    passed = supervising.judge_environment()

    assert "changed" not in passed.values()
    assert passed["HTTPS_PROXY"] == "kept"


# The judge's lines and the hand-in's prints.


def test_lines_that_are_no_event_are_passed_over() -> None:
    """An interpreter's last words among the judge's lines are not taken for an event."""
    event = Progress("title", 1, 5, None)

    assert listening._event(b"Fatal Python error: Segmentation fault\n") is None
    assert listening._event(b'{"type": "perfect", "score": 100}\n') is None
    assert listening._event(encode_event(event)) == decode_event(encode_event(event)) == event


Keep = Callable[..., listening.Prints]


@pytest.fixture
def kept() -> Keep:
    """What is kept of these chunks of prints."""

    def keep(*chunks: bytes, output_kb: int = 1) -> listening.Prints:
        reader, writer = os.pipe()
        stream = os.fdopen(reader, "rb", buffering=0)
        prints = listening.Prints(stream, Limits(output_kb=output_kb), time.monotonic())
        with os.fdopen(writer, "wb", buffering=0) as file:
            for chunk in chunks:
                file.write(chunk)
        prints.join()
        return prints

    return keep


def test_short_prints_are_kept_whole(kept: Keep) -> None:
    """What fits is kept as it was, with a replacement for what is no UTF-8."""
    assert kept("grüße\n".encode(), b"\xff\n").text() == "grüße\n\ufffd\n"


@pytest.mark.parametrize("chunk", [1, 7, 512, 513, 5000])
def test_long_prints_keep_beginning_and_end(chunk: int, kept: Keep) -> None:
    """Of prints beyond the limit half a limit of each end is kept, and the gap is told."""
    data = b"".join(b"%07d\n" % number for number in range(500))
    text = kept(*(data[at : at + chunk] for at in range(0, len(data), chunk))).text().encode()

    assert text.startswith(data[:512])
    assert text.endswith(data[-512:])
    assert f"{len(data) - 1024} bytes not kept".encode() in text


@pytest.mark.parametrize(
    "line",
    [
        b"step 20 loss 1.25",
        b"step: 20, loss: 1.25",
        b"[train] step=20 lr=0.1 loss=1.25 (best)",
    ],
)
def test_reported_losses_become_a_curve(line: bytes, kept: Keep) -> None:
    """A line with a step and a loss is a point of the learning curve."""
    (point,) = kept(b"begin\n", line[:7], line[7:] + b"\n").points

    assert (point.step, point.loss) == (20, 1.25)
    assert isinstance(point, CurvePoint)


@pytest.mark.parametrize(
    "line",
    [b"loss 1.25", b"step 20", b"step 20 loss nan", b"step x loss 1", b"step 9999999999 loss 1"],
)
def test_other_prints_are_no_points(line: bytes, kept: Keep) -> None:
    """Lines without a step, without a loss or without a number are prints like any other."""
    assert kept(line + b"\n").points == []


def test_the_curve_has_an_end(kept: Keep) -> None:
    """However much is printed, the number of points is limited."""
    chunks = [b"".join(b"step %d loss 1\n" % (50 * at + n) for n in range(50)) for at in range(40)]

    assert len(kept(*chunks, output_kb=64).points) <= listening.CURVE_KEPT
