"""Nothing that would help a cheat can be read or received in the worker.

A hand-in searches its file system, /proc, memory, objects, descriptors, environment and frames while it
is graded, and reports what it saw. Beside what must not be there it looks for things that are there,
so that a search that finds nothing is known to have looked.
"""

from __future__ import annotations

import ast
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from grader.challenge import data_folder, find
from grader.grading import Attempt, grade_submission
from grader.submission import Submission
from grader.walls import choose
from leaderboard.score import Score

pytestmark = [
    pytest.mark.walls,
    pytest.mark.skipif(choose().level != "strong", reason="no strong wall on this machine"),
]

DATA = Path(__file__).parent / "data"
KIT = Path(__file__).parents[2]
SEED = "5eedc0ffee5eed01"
SHIFT = 37
MODULES_THERE = {"kit_worker", "msgspec", "safetensors", "submission", "torch", "wanted"}


def sentences(path: Path, least: int = 40) -> list[str]:
    """Constant texts of a Python file, long enough to be found nowhere else."""
    tree = ast.parse(path.read_text("utf-8"))
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    lines = [line.strip() for text in texts if isinstance(text, str) for line in text.splitlines()]
    return [line for line in dict.fromkeys(lines) if len(line) >= least and line.isascii()]


def hidden_files() -> list[Path]:
    """Every file of the challenges but their rigs, and of the grader but the worker's own."""
    challenges = [p for p in data_folder("challenges").rglob("*") if p.name != "rig.py"]
    ours = [*(KIT / "grader").glob("*.py"), *(KIT / "tests").rglob("test_*.py")]
    return [path for path in [*challenges, *ours] if path.is_file() and path.stat().st_size > 0]


def markers(store: Path, recorded: dict[str, Any]) -> dict[str, bytes]:
    """What is searched for, by label. Labels that begin with "control" are to be found."""
    challenge = find("04")
    spec_file = next((challenge.folder / "specs").glob("test_*.py"))
    brief_and_stub = challenge.starter.read_text("utf-8")
    wanted: dict[str, bytes] = {
        "control: planted": sentences(DATA / "searcher.py")[-1].encode(),
        "seed": SEED.encode(),
        "seed as a number": int(SEED, 16).to_bytes(8, "little"),
        "store": str(store).encode(),
        "specs folder": b"challenges/04_causal_attention/specs",
        "solution": str(challenge.solution).encode(),
    }
    for number, text in enumerate(sentences(spec_file)[::8]):
        wanted[f"spec {number}"] = text.encode()
        wanted[f"spec {number}, two bytes each"] = text.encode("utf-16-le")
    for number, text in enumerate(sentences(challenge.solution)):
        if text not in brief_and_stub:
            wanted[f"solution {number}"] = text.encode()
    for spec, values in recorded["expected"].items():
        wanted |= {f"expected by {spec} {n}": bytes.fromhex(v) for n, v in enumerate(values[:2])}
    for spec in list(recorded["expected"])[:4]:
        digest = hashlib.sha256(f"{SEED}/{spec}".encode()).digest()[:8]
        number = int.from_bytes(digest, "big") >> 1
        wanted[f"generator of {spec}"] = number.to_bytes(8, "little")
    wanted["control: input"] = bytes.fromhex(recorded["inputs"][-1])
    return wanted


def wanted_py(markers: dict[str, bytes], search_at: int) -> bytes:
    """The module that tells the searcher what to look for, without holding it."""
    table = bytes((byte + SHIFT) % 256 for byte in range(256))
    # By name without its folder: the paths of the hidden files are markers themselves.
    labels = {path: path.name for path in hidden_files()}
    labels[DATA / "searcher.py"] = "control: own file"
    files = {hashlib.sha256(path.read_bytes()).hexdigest(): labels[path] for path in labels}
    sizes = {path.stat().st_size for path in labels}
    shifted = {label: marker.translate(table) for label, marker in markers.items()}
    lines = [f"SHIFT = {SHIFT}", f"MARKERS = {shifted!r}", f"FILES = {files!r}"]
    return "\n".join([*lines, f"SIZES = {sizes!r}", f"SEARCH_AT = {search_at!r}", ""]).encode()


class Found(msgspec.Struct, frozen=True):
    """The score of the searcher, what it searched for, and its report."""

    score: Score
    markers: dict[str, bytes]
    report: dict[str, Any]

    def hits(self) -> set[str]:
        """Everything that was found, with the place."""
        return {
            f"{label} in {place}"
            for place, labels in self.report["hits"].items()
            for label in labels
        }


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """Grade the searcher, with a store of scores in the working folder, environment and descriptors."""
    command = [sys.executable, str(DATA / "record_expected.py"), str(find("04").folder), SEED]
    environment = {**os.environ, "PYTHONPATH": str(KIT), "OMP_NUM_THREADS": "1"}
    recorded = json.loads(
        subprocess.run(command, env=environment, capture_output=True, check=True).stdout
    )
    store = tmp_path_factory.mktemp("scores-of-all-teams")
    wanted = markers(store, recorded)
    files = {
        "searcher.py": (DATA / "searcher.py").read_bytes(),
        "wanted.py": wanted_py(wanted, recorded["forwards"]),
    }
    limits = msgspec.structs.replace(find("04").limits, call_s=200, wall_s=500, cpu_s=500)
    attempt = Attempt(find("04"), "searcher", seed=SEED, limits=limits)
    with pytest.MonkeyPatch.context() as patch, (store / "score.json").open("w") as file:
        patch.setenv("GRADER_STORE", str(store))
        patch.chdir(store)
        os.set_inheritable(file.fileno(), True)
        score = grade_submission(Submission.of("searcher.py", files), attempt)
    lines = [line for line in score.output.splitlines() if line.startswith("SEARCHED ")]
    assert len(lines) == 1, (score.message, score.output)
    return Found(score, wanted, json.loads(lines[0].removeprefix("SEARCHED ")))


def test_the_search_is_a_whole_grading(found: Found) -> None:
    """The searcher is graded to the end, is right, and searched when it had received all inputs."""
    assert (found.score.status, found.score.walls) == ("graded", "strong"), found.score.message
    assert found.score.score == 100, found.score.specs
    # 74 requests make up a grading of 04; the last one or two come after the last call of forward.
    assert found.report["received"] > 70


def test_nothing_that_would_help_is_there(found: Found) -> None:
    """No spec, solution, expected value, seed or path of scores was found in any place."""
    assert {hit for hit in found.hits() if not hit.startswith("control")} == set()


@pytest.mark.parametrize(
    "hit",
    [
        "control: planted in contents",
        "control: planted in memory",
        "control: planted in objects",
        "control: own file in files",
        "control: input in memory",
        "control: input in received",
    ],
)
def test_what_is_there_was_found(hit: str, found: Found) -> None:
    """The search does find a text in a file, in memory and among objects, and numbers that were sent."""
    assert hit in found.hits()


def test_there_was_something_to_look_for(found: Found) -> None:
    """Texts of specs and solution and expected values of most specs were among the markers."""
    labels = " ".join(found.markers)

    assert labels.count("spec ") >= 10
    assert labels.count("solution ") >= 3
    assert labels.count("expected by") >= 15


def test_everything_was_searched(found: Found) -> None:
    """Files, processes, memory, objects and frames were there to be searched, and nothing failed."""
    seen = found.report["seen"]

    assert found.report["errors"] == []
    assert seen["files"] > 5000
    assert 1 <= seen["processes"] <= 3
    assert seen["memory"] > 20 << 20
    assert seen["objects"] > 10_000
    assert seen["frames"] > 5


def test_modules_are_those_of_the_worker(found: Found) -> None:
    """Neither pytest nor the grader nor the solution is among the modules."""
    modules = set(found.report["modules"])

    assert modules >= MODULES_THERE
    assert (
        modules & {"grader", "leaderboard", "pytest", "_pytest", "solution", "reference"} == set()
    )


def test_descriptors_are_those_of_the_worker(found: Found) -> None:
    """Open are the empty standard input, two for prints, and the two ends of the channel."""
    kinds = sorted(found.report["descriptors"].values())

    assert kinds == ["0o20000", "pipe", "pipe", "pipe", "pipe"]
