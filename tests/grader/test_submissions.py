"""Golden hand-ins: each folder of tests/submissions is graded and compared with its expected.json.

A folder holds `solution.py`, or a folder `hand_in/`, or a `make.py` whose `make(folder)` builds what
cannot be committed and returns its path. A new case is a new folder.
"""

import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec
import psutil
import pytest

from grader import errors
from grader.challenge import Challenge
from grader.cli import exit_code
from grader.grading import Attempt, grade, grade_runs
from grader.submission import read
from grader.verdict import Run
from leaderboard.score import Score, Status, decode
from leaderboard.store import Store

pytestmark = pytest.mark.walls

GOLDEN: Final = Path(__file__).parent.parent / "submissions"
REPOSITORY: Final = GOLDEN.parent.parent
SEED: Final = "1"
SIDE_BY_SIDE: Final = 2
PATIENCE_S: Final = 120
# What a learner must never be shown: files and frames of ours, places inside the walls.
OURS: Final = ("kit_worker", "/handin", "/kit", "/site", "grader/", "Traceback (most", "server.py")


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the record of a case must say; lists hold pieces of text.

    `status` is null where there must be no record. `failed` names exactly the specs that fail, with
    what their messages say. `never` must not appear anywhere. `limits` replaces the challenge's.
    What is `tame` cannot hurt another hand-in: all of them are graded in one pair of processes.
    """

    status: Status | None
    exit: int
    score: int = 0
    passed: bool = False
    message: list[str] = []
    failed: dict[str, list[str]] = {}
    output: list[str] = []
    never: list[str] = []
    limits: dict[str, int | float] = {}
    tame: bool = False


EXPECTED: Final = {
    path.parent.name: msgspec.json.decode(path.read_bytes(), type=Expected)
    for path in sorted(GOLDEN.glob("*/expected.json"))
}
RECORDED: Final = [name for name, expected in EXPECTED.items() if expected.status is not None]
Scores = Callable[[str], Score]


def hand_in(name: str, folder: Path) -> Path:
    """Return the path to grade for a case; `folder` is for what has to be made."""
    case = GOLDEN / name
    if (case / "make.py").exists():
        made: Path = runpy.run_path(str(case / "make.py"))["make"](folder)
        return made
    return case / "hand_in" if (case / "hand_in").exists() else case / "solution.py"


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """A folder for each case."""
    made = {name: tmp_path_factory.mktemp(name, numbered=False) for name in EXPECTED}
    return made.__getitem__


@pytest.fixture(scope="module")
def scores(
    request: pytest.FixtureRequest, mini: Challenge, folders: Callable[[str], Path]
) -> Iterator[Scores]:
    """The score of a case. All cases of the selected tests are graded, a few side by side."""
    used = {
        item.callspec.params["name"]: None
        for item in request.session.items
        if isinstance(item, pytest.Function)
        and "scores" in item.fixturenames
        and "name" in getattr(getattr(item, "callspec", None), "params", {})
    }

    def alone(name: str) -> Score:
        limits = msgspec.structs.replace(mini.limits, **EXPECTED[name].limits)
        attempt = Attempt(mini, "golden", seed=SEED, limits=limits)
        return grade(str(hand_in(name, folders(name))), attempt)

    def in_series(names: list[str]) -> dict[str, Score]:
        if not names:
            return {}
        hand_ins = {name: read(str(hand_in(name, folders(name))), "") for name in names}
        runs = [Run(SEED, folder=name) for name in names]
        return dict(zip(names, grade_runs(hand_ins, Attempt(mini, "golden"), runs), strict=True))

    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        tame = pool.submit(in_series, [name for name in used if EXPECTED[name].tame])
        futures = {name: pool.submit(alone, name) for name in used if not EXPECTED[name].tame}

        def result(name: str) -> Score:
            if EXPECTED[name].tame:
                return tame.result()[name]
            if name not in futures:
                futures[name] = pool.submit(alone, name)
            return futures[name].result()

        yield result
        pool.shutdown(cancel_futures=True)


def told(score: Score) -> str:
    """Return everything that a learner reads, for the report of a test that fails."""
    specs = [f"{spec.name} {spec.outcome}: {spec.message}" for spec in score.specs]
    return "\n".join([score.message, *specs, score.advice, score.output])


def observed(score: Score, expected: Expected) -> Expected:
    """Return the record in the form of what was expected of it."""
    failed = {spec.name: spec.message for spec in score.specs if spec.outcome == "failed"}
    return Expected(
        status=score.status,
        exit=exit_code(score),
        score=score.score,
        passed=score.passed,
        message=[text for text in expected.message if text in score.message],
        failed={
            name: [text for text in expected.failed.get(name, []) if text in message]
            for name, message in failed.items()
        },
        output=[text for text in expected.output if text in score.output],
        never=[text for text in expected.never if text not in told(score)],
        limits=expected.limits,
        tame=expected.tame,
    )


@pytest.mark.parametrize("name", RECORDED)
def test_hand_in_gets_the_expected_record(name: str, scores: Scores) -> None:
    """A hand-in gets the status, points, exit code and words that its expected.json names."""
    score = scores(name)

    assert EXPECTED[name] == observed(score, EXPECTED[name]), told(score)


@pytest.mark.parametrize("name", RECORDED)
def test_learner_is_shown_nothing_of_ours(name: str, scores: Scores) -> None:
    """No message, advice or output names a file, frame or folder of the grader."""
    text = told(scores(name))

    assert [piece for piece in OURS if piece in text] == [], text


@pytest.mark.parametrize("name", RECORDED)
def test_ungraded_hand_in_is_told_why(name: str, scores: Scores) -> None:
    """A record has a message exactly when it is not graded, and a message for each failed spec."""
    score = scores(name)

    assert (score.status != "graded") == bool(score.message)
    assert all(spec.message for spec in score.specs if spec.outcome in ("failed", "skipped"))


@pytest.mark.parametrize("name", RECORDED)
def test_record_names_its_seed(name: str, scores: Scores) -> None:
    """The seed that was asked for stands in the record, whatever became of the hand-in."""
    assert scores(name).seed == SEED


def test_output_of_100_mb_is_clipped(scores: Scores, mini: Challenge) -> None:
    """Of the prints of a hand-in 64 KiB are kept, the beginning and the end."""
    output = scores("prints_100_mb").output.encode()

    assert mini.limits.output_kb << 10 <= len(output) < (mini.limits.output_kb << 10) + 100


@pytest.mark.parametrize("name", ["starts_daemons"])
def test_no_process_outlives_its_grading(
    name: str, scores: Scores, folders: Callable[[str], Path]
) -> None:
    """Daemons, detached ones too, are gone when the score is there."""
    scores(name)

    assert labelled(folders(name)) == []


def labelled(folder: Path) -> list[psutil.Process]:
    """Return the processes of this machine that carry the label that a make.py wrote."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if f"sleeper of {folder}" in (process.info["cmdline"] or []):
            found.append(process)
    return found


def alive(process: psutil.Process) -> bool:
    """Return whether a process still runs; one that waits to be reaped does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


# The same through the command line.


def command(mini: Challenge, source: Path | str, store: Path, *options: str) -> list[str]:
    """Return `grader grade` for the mini challenge with a store of its own."""
    fixed = ["--json", "--store", str(store), "--seed", SEED, "--team", "golden", "--device", "cpu"]
    grade_command = [sys.executable, "-m", "grader", "grade", str(mini.folder), str(source)]
    return [*grade_command, *fixed, *options]


def run(arguments: list[str], stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a command to its end in the repository."""
    return subprocess.run(
        arguments, input=stdin, capture_output=True, cwd=REPOSITORY, timeout=PATIENCE_S, check=False
    )


def said(score: Score) -> list[tuple[str, str, int, str]]:
    """Return what a grading says about each spec, without the seconds."""
    return [(spec.name, spec.outcome, spec.earned, spec.message) for spec in score.specs]


def test_same_seed_gives_the_same_specs_and_messages(
    scores: Scores, mini: Challenge, tmp_path: Path
) -> None:
    """Graded again with its seed, a hand-in that draws numbers is told the same to the last digit."""
    name = "answers_at_random"
    first = scores(name)
    done = run(command(mini, hand_in(name, tmp_path), tmp_path / "store"))

    assert done.returncode == errors.EXIT_NOT_PASSED, done.stderr.decode()
    assert said(first) == said(decode(done.stdout))


def test_standard_input_is_graded_and_stored(
    mini: Challenge, submissions: Path, tmp_path: Path
) -> None:
    """`grade -` reads the hand-in from standard input; stdout is the stored record and exit is 0."""
    source = (submissions / "correct" / "solution.py").read_bytes()
    done = run(command(mini, "-", tmp_path), source)

    assert done.returncode == errors.EXIT_PASSED, done.stderr.decode()
    score = decode(done.stdout)
    assert (score.score, score.submission.name, score.seed) == (100, "standard input", "1")
    assert Store(tmp_path).read() == ([score], [])


def test_hand_in_that_cannot_be_graded_is_stored(mini: Challenge, tmp_path: Path) -> None:
    """A missing file is exit code 3 and still a record."""
    done = run(command(mini, tmp_path / "absent.py", tmp_path / "store"))

    assert done.returncode == errors.EXIT_UNGRADABLE, done.stderr.decode()
    assert [s.status for s in Store(tmp_path / "store").read()[0]] == ["ungradable"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--seed", "0xyz"], "hexadecimal"),
        (["--device", "abacus"], "abacus"),
        (["--timeout", "soon"], "soon"),
        (["--colour"], "--colour"),
    ],
)
def test_wrong_usage_grades_nothing(
    options: list[str], words: str, mini: Challenge, submissions: Path, tmp_path: Path
) -> None:
    """A wrong option is exit code 2, a sentence about it, and no record."""
    done = run(command(mini, submissions / "correct" / "solution.py", tmp_path, *options))

    assert done.returncode == errors.EXIT_USAGE
    assert done.stdout == b""
    assert words in done.stderr.decode()
    assert list(tmp_path.iterdir()) == []


class Interrupted(msgspec.Struct, frozen=True):
    """What Ctrl-C left of a grading."""

    returncode: int
    stdout: bytes
    stderr: str
    tree: list[psutil.Process]
    folder: Path

    @property
    def store(self) -> Path:
        """The folder of scores that it was told."""
        return self.folder / "store"


@pytest.fixture(scope="module", params=["command", "terminal"])
def interrupted(
    request: pytest.FixtureRequest, mini: Challenge, tmp_path_factory: pytest.TempPathFactory
) -> Interrupted:
    """A grading whose hand-in loops, interrupted: the command alone, or the terminal's whole group."""
    folder = tmp_path_factory.mktemp(request.param)
    arguments = command(mini, hand_in("interrupted_by_user", folder), folder / "store")
    # A shell starts its background jobs with Ctrl-C ignored, and that is inherited.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        arguments,
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    signal.signal(signal.SIGINT, before)
    with process:
        try:
            wait_for_label(folder, process)
            tree = psutil.Process(process.pid).children(recursive=True)
            send = os.killpg if request.param == "terminal" else os.kill
            send(process.pid, signal.SIGINT)
            stdout, stderr = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
    return Interrupted(process.returncode, stdout, stderr.decode(), tree, folder)


def wait_for_label(folder: Path, process: subprocess.Popen[bytes]) -> None:
    """Return once the hand-in has started its labelled process, just before it loops."""
    deadline = time.monotonic() + PATIENCE_S
    while not labelled(folder):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "the hand-in never began to loop"
        time.sleep(0.05)


def test_ctrl_c_ends_cleanly(interrupted: Interrupted) -> None:
    """Ctrl-C is exit code 130 and one sentence, without a traceback and without a record."""
    code = EXPECTED["interrupted_by_user"].exit

    assert (interrupted.returncode, interrupted.stdout) == (code, b""), interrupted.stderr
    assert interrupted.stderr.splitlines() == ["Interrupted. Nothing was saved."]
    assert not interrupted.store.exists()


def test_ctrl_c_kills_the_whole_tree(interrupted: Interrupted) -> None:
    """After Ctrl-C judge, worker and every process of the hand-in are gone."""
    assert len(interrupted.tree) >= 3  # judge, worker, the hand-in's own
    assert [process for process in interrupted.tree if alive(process)] == []
    assert labelled(interrupted.folder) == []
