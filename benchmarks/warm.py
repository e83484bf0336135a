"""What a warm grading of 04 costs, as ratios of figures taken in one run.

    python benchmarks/warm.py [--rounds 5] [--each 12] [--write]

A round grades so many distinct hand-ins, all of them right, in each of these ways, one after the other, so
that a machine that slows down slows all of them:

- a pool with one slot and with two, behind the strong wall;
- the same specs and pytest in one warm process, the hand-in beside them, without any isolation;
- one process for one hand-in that imports torch and pytest and runs the same specs, without isolation.

`--write` puts the table into docs/performance.md.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- made by benchmarks/warm.py --write -->", "<!-- end -->"
KEY = "04"

# What the two ways without isolation run: the specs with both sides in this process.
PLAIN = """
import sys, time
from pathlib import Path
import torch
from grader import judging
from grader.challenge import find
from grader.specs import Context, verdicts
from grader.session import Session
from grader.transport import LocalTransport
from grader.verdict import JudgeRequest, Run
from grader.worker import loading

challenge = find(sys.argv[1])
judging._settle(challenge)
request = JudgeRequest(str(challenge.folder), "cpu", challenge.limits, [Run("1")])

def run(path):
    module = loading.execute(loading.compile_source(path), path, "submission")
    session = Session(LocalTransport(module, None, path.parent), torch.device("cpu"), request.limits)
    fresh = lambda: judging._reference(challenge, request)
    context = Context(challenge=challenge, submission=session, second=lambda: session, reference=fresh(),
                      fresh_reference=fresh, seed="1", budget=0.0, on_spec=lambda name: None)
    found = verdicts(challenge, judging._pytest(challenge, context))
    assert all(verdict.outcome == "passed" for verdict in found)

for line in sys.stdin:
    started = time.perf_counter()
    run(Path(line.strip()))
    print(time.perf_counter() - started, flush=True)
"""


def hand_ins(folder: Path, count: int) -> list[Path]:
    """Distinct right hand-ins."""
    from grader.challenge import find

    text = find(KEY).solution.read_text("utf-8")
    paths = [folder / f"hand_in_{number}.py" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_text(f"{text}\n# {number}, {time.time_ns()}\n", "utf-8")
    return paths


class InProcess:
    """One warm process without isolation."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", PLAIN, KEY],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    def grade(self, path: Path) -> None:
        """Run the specs against one hand-in."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{path}\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline()

    def close(self) -> None:
        """End it."""
        self._process.communicate()


def grade_alone(path: Path) -> None:
    """One process for one hand-in, without isolation."""
    subprocess.run(
        [sys.executable, "-c", PLAIN, KEY],
        input=f"{path}\n",
        text=True,
        capture_output=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def pooled(size: int) -> Iterator[Callable[[list[Path]], None]]:
    """A warm pool: yields what grades a list of hand-ins, then closes."""
    from grader.challenge import find
    from grader.grading import Attempt
    from grader.pool import Pool
    from grader.submission import read

    challenge = find(KEY)

    def grade(paths: list[Path]) -> None:
        attempt = Attempt(challenge, "benchmark")
        scores = [pool.submit(read(str(path), path.name), attempt) for path in paths]
        assert all(score.result().score == 100 for score in scores)

    with Pool(size) as pool:
        yield grade


def seconds_each(paths: list[Path], grade: Callable[[list[Path]], None]) -> float:
    """Seconds per hand-in."""
    started = time.perf_counter()
    grade(paths)
    return (time.perf_counter() - started) / len(paths)


def resident_mb() -> float:
    """Memory of this process and all that it has started, shared pages counted once (PSS)."""
    ours = psutil.Process()
    family = [ours, *ours.children(recursive=True)]
    return sum(process.memory_full_info().pss for process in family) / 2**20


def measure(rounds: int, each: int) -> str:
    """The table as Markdown."""
    seconds: dict[str, list[float]] = {}
    one, two, beside = pooled(1), pooled(2), InProcess()
    single, double = next(one), next(two)
    with tempfile.TemporaryDirectory() as name:
        paths = hand_ins(Path(name), 4)
        for warm_up in (single, double, lambda some: [beside.grade(path) for path in some]):
            warm_up(paths)
        for _ in range(rounds):
            paths = hand_ins(Path(name), each)
            ways = {
                "warm pool, one slot": (paths, single),
                "warm pool, two slots": (paths, double),
                "one warm process, no isolation": (
                    paths,
                    lambda some: [beside.grade(path) for path in some],
                ),
                "a process for each, no isolation": (
                    paths[:2],
                    lambda some: [grade_alone(path) for path in some],
                ),
            }
            for title, (some, grade) in ways.items():
                seconds.setdefault(title, []).append(seconds_each(some, grade))
        next(two, None)
        memory = resident_mb()
    next(one, None)
    beside.close()
    base = statistics.median(seconds["warm pool, one slot"])
    lines = ["| way | per hand-in | least–most | ÷ warm pool |", "|---|--:|--:|--:|"]
    for title, values in seconds.items():
        median = statistics.median(values)
        spread = f"{min(values):.3f}–{max(values):.3f}"
        lines.append(f"| {title} | {median:.3f} s | {spread} | {median / base:.2f} |")
    lines.append(f"| memory with one slot: supervisor, judge, worker | {memory:.0f} MiB | | |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and write if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--each", type=int, default=12)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    table = (
        f"Challenge {KEY}, distinct right hand-ins, {options.each} in a round, medians of {options.rounds} "
        f"rounds, on {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}, "
        f"torch {importlib.metadata.version('torch')}.\n\n{measure(options.rounds, options.each)}"
    )
    print(table)
    if options.write:
        head, _, rest = PAGE.read_text("utf-8").partition(BEGIN)
        PAGE.write_text(f"{head}{BEGIN}\n\n{table}\n\n{END}{rest.partition(END)[2]}", "utf-8")


if __name__ == "__main__":
    main()
