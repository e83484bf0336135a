"""What a grading of 04 costs, warm and cold, beside other graders: figures and ratios taken in one run.

    python benchmarks/peers/install.py
    python benchmarks/warm.py [--rounds 5] [--each 60] [--write]

Each round grades distinct right hand-ins in all of these ways, one after the other, so that a machine that
slows down slows all of them:

- a warm pool with one slot and with two, behind the strong wall, all 22 specs;
- the same specs in one warm process, and in a process for each hand-in, without any isolation;
- the command line, cold, and a process that only imports torch;
- eight plain checks under other graders, a process for each hand-in (see peers/checks.py).

Saves under `grader watch` are timed after the last round, when no other pool is there, and challenge 05
before the first. A ratio is taken in each round; the table has the median of these. `--write` puts the
table into docs/performance.md.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cold
import psutil
from figures import Bar, Figure, machine, ratio, table, write
from peers import install, runs
from ways import (
    Beside,
    Watched,
    Way,
    alone,
    hand_ins,
    pooled,
    seconds_each,
    solution,
)
from ways import cold as graded_cold

ONE, TWO = "warm pool, one slot", "warm pool, two slots"
BESIDE, ALONE = "one warm process, no isolation", "a process for each, no isolation"
COLD, IMPORT = "grade 04, cold", "import torch"
WATCH, PLAIN = "watch: from a save to its verdict", runs.PEERS[0].name
NEVER: Final = "it never ran"


class Samples:
    """Seconds by name, a value for each round, and why a name has none."""

    def __init__(self) -> None:
        self._values: dict[str, list[float]] = {}
        self._missing: dict[str, str] = {}

    def add(self, name: str, seconds: float) -> None:
        """Add a round's value."""
        self._values.setdefault(name, []).append(seconds)

    def miss(self, name: str, why: str) -> None:
        """There is none, and all that were measured do not count."""
        self._missing[name] = why.replace("|", " ").replace("\n", " ")

    def figure(self, name: str, title: str = "", bar: Bar | None = None) -> Figure:
        """Return the row of a name."""
        if name in self._missing:
            return Figure(title or name, (), bar=bar, missing=self._missing[name])
        values = self._values.get(name, [])
        return Figure(title or name, values, bar=bar, missing="" if values else NEVER)


def resident_mb() -> float:
    """Memory of this process and all that it has started, shared pages counted once (PSS)."""
    ours = psutil.Process()
    family = [ours, *ours.children(recursive=True)]
    return sum(process.memory_full_info().pss for process in family) / 2**20


class Ways:
    """Everything that is timed by the hand-in, kept warm from round to round."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._text = solution()
        self._pools = [pooled(1), pooled(2)]
        single, double = (next(pool) for pool in self._pools)
        self._beside = Beside()
        self._ways: dict[str, tuple[int, Way]] = {
            ONE: (60, single),
            TWO: (60, double),
            BESIDE: (60, self._beside.grade),
            ALONE: (2, alone),
            COLD: (2, graded_cold),
        }
        for _, way in self._ways.values():
            way(hand_ins(folder, 4, self._text))

    def round(self, each: int, samples: Samples) -> None:
        """Grade distinct hand-ins in each way."""
        for name, (most, way) in self._ways.items():
            paths = hand_ins(self._folder, min(most, each), self._text)
            samples.add(name, seconds_each(paths, way))
        command = [sys.executable, "-c", "import torch"]
        samples.add(IMPORT, sum(cold.timed(command) for _ in range(2)) / 2)

    def close(self) -> float:
        """End all; returns the MiB that a pool with one slot has at its end."""
        single, double = self._pools
        next(double, None)
        self._beside.close()
        memory = resident_mb()
        next(single, None)
        return memory


class Peers:
    """Other graders: those that are installed, and shown to tell right from wrong."""

    def __init__(self, folder: Path, place: Path, samples: Samples) -> None:
        self._bench = runs.Bench(folder, place)
        self._text = solution()
        self._able = []
        self._count = 0
        for peer in runs.PEERS:
            try:
                runs.prove(self._bench, peer, self._text)
                self._able.append(peer)
            except runs.PeerError as error:
                samples.miss(peer.name, str(error))

    def round(self, samples: Samples) -> None:
        """Grade one distinct hand-in under each."""
        for peer in self._able:
            self._count += 1
            text = f"{self._text}\n# {self._count}\n"
            samples.add(peer.name, self._bench.seconds(peer, text, runs.ALL_PASS))


def _watch_rounds(watched: Watched, samples: Samples) -> None:
    """Take the median of three saves: one alone depends on when the folder is looked at."""
    if not watched.missing:
        seconds = sorted(watched.save_to_table() for _ in range(3))
        samples.add(WATCH, seconds[1])
    if watched.missing:
        samples.miss(WATCH, watched.missing)


def figures(samples: Samples, memory: float, training: tuple[float, float]) -> Iterator[Figure]:
    """Yield the rows: what was measured, then what is asked for."""
    one, two, beside = (samples.figure(name) for name in (ONE, TWO, BESIDE))
    plain = samples.figure(PLAIN)
    yield from (one, two, beside, samples.figure(ALONE))
    yield from (samples.figure(peer.name) for peer in runs.PEERS)
    yield from (samples.figure(COLD), samples.figure(IMPORT))
    yield Figure("memory, one slot: supervisor, judge, worker", (memory,), "MiB")
    yield ratio(f"{PLAIN} ÷ {ONE}", plain, one, Bar(12, 40, at_least=True))
    yield ratio(f"{ONE} ÷ {BESIDE}", one, beside, Bar(2.5, 1.3))
    yield ratio("throughput, two slots ÷ one", one, two, Bar(1.6, 1.9, at_least=True))
    yield ratio(f"{COLD} ÷ {IMPORT}", samples.figure(COLD), samples.figure(IMPORT), Bar(1.8, 1.3))
    yield samples.figure(WATCH, bar=Bar(0.5, 0.15))
    whole, trained = training
    bar = Bar(30, 15)
    missing = "" if trained else "--no-training"
    yield Figure(
        "05, worked solution: the spec that trains, below the target",
        (trained,) if trained else (),
        bar=bar,
        missing=missing,
    )
    yield Figure("05, worked solution: whole grading", (whole,) if trained else (), missing=missing)


def measure(rounds: int, each: int, place: Path, train: bool) -> str:
    """Return the table as Markdown."""
    samples = Samples()
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        for part in ("ways", "peers", "watch"):
            (folder / part).mkdir()
        # First: if it does not reach its target, nothing else is measured in vain.
        training = cold.tiny_gpt(str(folder / "store"))[:2] if train else (0.0, 0.0)
        peers = Peers(folder / "peers", place, samples)
        ways = Ways(folder / "ways")
        for number in range(rounds):
            ways.round(each, samples)
            peers.round(samples)
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
        memory = ways.close()
        # Last, and alone: a warm pool of its own would stand in the others' memory figure.
        watched = Watched(folder / "watch" / "attention.py", solution())
        stack.callback(watched.close)
        for _ in range(rounds):
            _watch_rounds(watched, samples)
    return table([*figures(samples, memory, training)])


def main() -> None:
    """Measure, print, and write if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--each", type=int, default=60)
    parser.add_argument("--peers", type=Path, default=install.PLACE, metavar="FOLDER")
    parser.add_argument("--no-training", action="store_true", help="leave challenge 05 out")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    measured = measure(options.rounds, options.each, options.peers, not options.no_training)
    text = (
        f"Challenge 04, distinct right hand-ins, {options.each} in each round's batch, medians of "
        f"{options.rounds} rounds, one thread each, on {machine()}. Per hand-in unless it is a ratio.\n\n"
        f"{measured}"
    )
    print(text)
    if options.write:
        write("benchmarks/warm.py", text)


if __name__ == "__main__":
    main()
