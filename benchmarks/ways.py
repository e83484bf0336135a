"""Ways to grade a right hand-in of challenge 04: each is given paths and grades them all."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final

ROOT: Final = Path(__file__).resolve().parent.parent
KEY: Final = "04"
BESIDE: Final = [sys.executable, str(ROOT / "benchmarks" / "beside.py"), KEY]
WATCH: Final = [sys.executable, "-m", "grader", "watch", KEY]
ENVIRONMENT: Final = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}

Way = Callable[[list[Path]], None]


def solution(key: str = KEY) -> str:
    """Return the text of the worked solution."""
    from grader.challenge import find

    return find(key).solution.read_text("utf-8")


def hand_ins(folder: Path, count: int, text: str) -> list[Path]:
    """Write distinct hand-ins that begin with this text."""
    paths = [folder / f"hand_in_{number}.py" for number in range(count)]
    for number, path in enumerate(paths):
        path.write_text(f"{text}\n# {number}, {time.time_ns()}\n", "utf-8")
    return paths


def seconds_each(paths: list[Path], way: Way) -> float:
    """Return the seconds per hand-in."""
    started = time.perf_counter()
    way(paths)
    return (time.perf_counter() - started) / len(paths)


class Beside:
    """One warm process without isolation."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            BESIDE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=ENVIRONMENT,
        )

    def grade(self, paths: list[Path]) -> None:
        """Run the specs against each."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        for path in paths:
            self._process.stdin.write(f"{path}\n")
            self._process.stdin.flush()
            if not self._process.stdout.readline():
                raise SystemExit(f"{path} was not graded without isolation")

    def close(self) -> None:
        """End it."""
        self._process.communicate()


def alone(paths: list[Path]) -> None:
    """One process for each hand-in, without isolation."""
    for path in paths:
        done = subprocess.run(
            BESIDE,
            input=f"{path}\n",
            text=True,
            stdout=subprocess.PIPE,
            check=True,
            cwd=ROOT,
            env=ENVIRONMENT,
        )
        if not done.stdout:
            raise SystemExit(f"{path} was not graded without isolation")


def pooled(size: int, key: str = KEY) -> Iterator[Way]:
    """A warm pool behind all walls: yields the way, then closes."""
    from grader.challenge import find
    from grader.grading import Attempt
    from grader.pool import Pool
    from grader.submission import read

    challenge = find(key)

    def grade(paths: list[Path]) -> None:
        attempt = Attempt(challenge, "benchmark")
        futures = [pool.submit(read(str(path), path.name), attempt) for path in paths]
        for path, future in zip(paths, futures, strict=True):
            score = future.result()
            if score.score != score.max_score or score.walls != "strong":
                raise SystemExit(f"{path}: {score.status}, {score.score}, walls: {score.walls}")

    with Pool(size) as pool:
        yield grade


def cold(paths: list[Path]) -> None:
    """The command line, a process for each hand-in."""
    for path in paths:
        command = [sys.executable, "-m", "grader", "grade", KEY, str(path), "--device", "cpu"]
        subprocess.run(
            [*command, "--store", str(path.parent / "store")],
            stdout=subprocess.DEVNULL,
            check=True,
            cwd=ROOT,
            env=ENVIRONMENT,
        )


class Watched:
    """`grader watch` over a pipe: a line for each verdict. `missing` says why it cannot be used."""

    def __init__(self, path: Path, text: str) -> None:
        self.missing = ""
        self._path = path
        self._text = text
        self._save()
        self._process = subprocess.Popen(
            [*WATCH, str(path)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env={**ENVIRONMENT, "PYTHONUNBUFFERED": "1"},
        )
        # What is there at the start is graded as well, by then judge and worker are warm.
        self._settle(30.0)

    def save_to_table(self) -> float:
        """Return the seconds from a save to the line with its verdict."""
        started = self._save()
        if not self._line(20.0):
            self.missing = self.missing or "no verdict within 20 s of a save"
        seconds = time.perf_counter() - started
        if not self.missing:
            self._settle(0.5)
        return seconds

    def close(self) -> None:
        """End it."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()

    def _save(self) -> float:
        """Save as an editor does, and return when that was."""
        fresh = self._path.with_suffix(".fresh")
        fresh.write_text(f"{self._text}\n# {time.time_ns()}\n", "utf-8")
        started = time.perf_counter()
        fresh.replace(self._path)
        return started

    def _settle(self, seconds: float) -> None:
        """Wait for a first line, then for silence: a verdict may have more than one line."""
        while self._line(seconds):
            seconds = 0.5

    def _line(self, seconds: float) -> bool:
        """Return whether something is printed in time; it is read."""
        stream: IO[bytes] | None = self._process.stdout
        assert stream is not None
        ready, _, _ = select.select([stream], [], [], seconds)
        if ready and os.read(stream.fileno(), 1 << 16):
            return True
        if ready and not self.missing:
            said = self._process.communicate()[1].decode("utf-8", "replace")
            self.missing = f"`grader watch` ended: {said.strip()[-200:]}"
        return False
