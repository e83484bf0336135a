"""Runs one hand-in under another grader, as a process of its own, and reads which checks passed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from peers.install import PLACE

HERE: Final = Path(__file__).resolve().parent
# The names of checks.CHECKS, which is not imported here: torch would come with it.
NAMES: Final = tuple(
    f"check_{name}"
    for name in ["shape", "dtype", "reference", "causality", "gradients", "batch", "double", "long"]
)
ALL_PASS: Final = dict.fromkeys(NAMES, True)
# A mask that leaves the next token visible, and what every grader has to find then.
RIGHT_MASK, WRONG_MASK = "triu(diagonal=1)", "triu(diagonal=2)"
_CAUGHT_BY: Final = ["reference", "causality", "gradients", "double", "long"]
WRONG_MASK_FAILS: Final = ALL_PASS | {f"check_{name}": False for name in _CAUGHT_BY}


class PeerError(Exception):
    """A peer that is not there, or whose answer is not the one that the checks give."""


class Peer(NamedTuple):
    """Another grader: how a hand-in is laid out for it, what is run, and where it says what passed."""

    name: str
    program: str
    files: tuple[str, ...]
    command: tuple[str, ...]
    report: str
    read: Callable[[dict[str, object]], dict[str, bool]]


def _by_pytest(report: dict) -> dict[str, bool]:  # type: ignore[type-arg]
    return {
        test["nodeid"].partition("[")[2].rstrip("]"): test["outcome"] == "passed"
        for test in report["tests"]
    }


def _by_gradescope(report: dict) -> dict[str, bool]:  # type: ignore[type-arg]
    return {test["name"]: test["status"] == "passed" for test in report["tests"]}


def _by_check50(report: dict) -> dict[str, bool]:  # type: ignore[type-arg]
    return {result["name"]: result["passed"] is True for result in report["results"]}


def _by_otter(report: dict) -> dict[str, bool]:  # type: ignore[type-arg]
    tests = [test for test in report["tests"] if "max_score" in test]
    return {test["name"]: test["score"] == test["max_score"] == 1 for test in tests}


_PYTEST = ("-m", "pytest", "-q", "--json-report", "pytest_checks.py")
PEERS: Final = (
    Peer(
        "pytest --json-report",
        "python",
        ("checks.py", "pytest_checks.py"),
        (*_PYTEST, "-p", "no:xdist"),
        ".report.json",
        _by_pytest,
    ),
    Peer(
        "pytest --json-report -n 2 (xdist)",
        "python",
        ("checks.py", "pytest_checks.py"),
        (*_PYTEST, "-n", "2"),
        ".report.json",
        _by_pytest,
    ),
    Peer(
        "gradescope-utils",
        "python",
        ("checks.py", "gradescope_checks.py"),
        ("gradescope_checks.py",),
        "results.json",
        _by_gradescope,
    ),
    Peer(
        "check50 --dev",
        "check50",
        (),
        ("--dev", "-o", "json", "--output-file", "../results.json", "../checks50"),
        "../results.json",
        _by_check50,
    ),
    Peer(
        "otter run",
        "otter",
        (),
        ("run", "--no-logo", "-a", "../autograder.zip", "-o", "..", "submission.py"),
        "../results.json",
        _by_otter,
    ),
)


class Bench:
    """A folder in which hand-ins are graded by the peers."""

    def __init__(self, folder: Path, place: Path = PLACE) -> None:
        self._folder = folder
        self._programs = place / "bin"
        self._count = 0
        _stage_check50(folder / "checks50")
        _stage_otter(folder / "autograder.zip")

    def seconds(self, peer: Peer, hand_in: str, expected: dict[str, bool]) -> float:
        """Return the seconds that the peer's process takes for a hand-in with this text.

        Raises PeerError where it is not installed, or does not find exactly what is expected.
        """
        self._count += 1
        folder = self._folder / f"run{self._count}"
        folder.mkdir()
        (folder / "submission.py").write_text(hand_in, "utf-8")
        for name in peer.files:
            shutil.copy(HERE / name, folder)
        report = folder / peer.report
        report.unlink(missing_ok=True)
        command = [str(self._programs / peer.program), *peer.command]
        started = time.perf_counter()
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, check=False, cwd=folder, env=self._env()
            )
        except OSError as error:
            raise PeerError(f"not installed ({error.strerror})") from error
        seconds = time.perf_counter() - started
        if not report.exists():
            raise PeerError((done.stderr or done.stdout).strip()[-300:] or "no report")
        found = peer.read(json.loads(report.read_text("utf-8")))
        if found != expected:
            raise PeerError(f"{peer.name} finds {found}, not {expected}")
        return seconds

    def _env(self) -> dict[str, str]:
        path = f"{self._programs}{os.pathsep}{os.environ.get('PATH', '')}"
        return {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}


def prove(bench: Bench, peer: Peer, solution: str) -> None:
    """Raise PeerError unless the peer passes the solution, and fails a wrong one in the right checks."""
    bench.seconds(peer, solution, ALL_PASS)
    bench.seconds(peer, wrong(solution), WRONG_MASK_FAILS)


def wrong(solution: str) -> str:
    """Return the worked solution with a mask that leaves the next token visible."""
    if RIGHT_MASK not in solution:
        raise PeerError(f"the worked solution has no {RIGHT_MASK} that could be made wrong")
    return solution.replace(RIGHT_MASK, WRONG_MASK)


def _stage_check50(folder: Path) -> None:
    shutil.copytree(HERE / "check50_checks", folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HERE / "checks.py", folder)


def _stage_otter(path: Path) -> None:
    """Write the zip that `otter generate` makes: settings, tests, and files for the tests."""
    text = (HERE / "otter_check.py").read_text("utf-8")
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("otter_config.json", json.dumps({"lang": "python", "print_score": False}))
        # In a folder: Otter takes any other Python file beside the hand-in for a second hand-in.
        archive.write(HERE / "checks.py", "files/support/checks.py")
        for name in NAMES:
            archive.writestr(f"tests/{name}.py", text.replace("NAME", name))
