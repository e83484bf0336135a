"""Whether a pool stays as fast and as small as it is at first: thousands of hand-ins through one slot.

    python benchmarks/endurance.py [--count 6000] [--challenge 04] [--write]

Distinct right hand-ins, one after the other, all walls up. Seconds per hand-in come from the first sixty
and from each sixtieth of the rest. Memory (PSS: what is shared counts once) and open descriptors of
supervisor, judge and worker are looked at after the first sixty and at the end. `--write` puts the findings
into docs/performance.md.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

import psutil
from figures import machine, number, write
from ways import Way, hand_ins, pooled, solution

FIRST: Final = 60
PARTS: Final = 60


class Look(NamedTuple):
    """One process at one moment; None where the kernel does not tell."""

    pss_mb: float | None
    rss_mb: float | None
    descriptors: int | None


class Run(NamedTuple):
    """What was measured."""

    count: int
    first: float
    parts: list[float]
    after_first: dict[str, Look]
    at_end: dict[str, Look]


def _tell(ask: Callable[[], float]) -> float | None:
    with contextlib.suppress(psutil.Error, OSError):
        return ask()
    return None


def look(process: psutil.Process) -> Look:
    """Return what a process holds; a warm one hides its memory from other users than root."""
    pss = _tell(lambda: process.memory_full_info().pss / 2**20)
    rss = _tell(lambda: process.memory_info().rss / 2**20)
    descriptors = _tell(process.num_fds)
    return Look(pss, rss, None if descriptors is None else int(descriptors))


def family() -> dict[str, psutil.Process]:
    """Return the processes of a pool with one slot, between two hand-ins."""
    ours = psutil.Process()
    found = {"supervisor": ours}
    for child in ours.children():
        words = " ".join(child.cmdline())
        if "judge" in words:
            found["judge"] = child
        elif "boot.py" in words:
            # The wall's own processes come first.
            inside = child.children(recursive=True)
            found["worker"] = next(process for process in inside if process.name() != "bwrap")
    if len(found) != 3:
        raise SystemExit(f"Only {', '.join(found)} can be told apart.")
    return found


def endure(way: Way, folder: Path, text: str, count: int) -> Run:
    """Grade `count` hand-ins."""

    def seconds(some: int) -> float:
        paths = hand_ins(folder, some, text)
        started = time.perf_counter()
        for path in paths:
            way([path])
        return (time.perf_counter() - started) / some

    way(hand_ins(folder, 2, text))
    processes = family()
    first = seconds(FIRST)
    after_first = {name: look(process) for name, process in processes.items()}
    size = max(1, (count - FIRST) // PARTS)
    parts = [seconds(size) for _ in range(PARTS)]
    if family() != processes:
        raise SystemExit("A process was replaced on the way.")
    at_end = {name: look(process) for name, process in processes.items()}
    return Run(FIRST + size * PARTS, first, parts, after_first, at_end)


def report(run: Run) -> str:
    """Return the findings as Markdown."""
    last = statistics.median(run.parts[-len(run.parts) // 10 :])
    spread = f"{number(min(run.parts))}–{number(max(run.parts))}"
    middle = number(statistics.median(run.parts))
    lines = [
        "| hand-ins | seconds for each |",
        "|---|--:|",
        f"| the first {FIRST} | {number(run.first)} |",
        f"| the rest, in {len(run.parts)} parts: median, least–most | {middle}, {spread} |",
        f"| the last tenth of the parts, median | {number(last)} |",
        f"| last tenth ÷ first {FIRST} | {last / run.first:.2f} |",
        "",
        f"| process | PSS after {FIRST} | at the end | RSS after {FIRST} | at the end "
        f"| descriptors after {FIRST} | at the end |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for name, before in run.after_first.items():
        after = run.at_end[name]
        cells = [
            *(_mib(look.pss_mb) for look in (before, after)),
            *(_mib(look.rss_mb) for look in (before, after)),
            *(
                "–" if look.descriptors is None else str(look.descriptors)
                for look in (before, after)
            ),
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _mib(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} MiB"


def main() -> None:
    """Measure, print, and write if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=6000)
    parser.add_argument("--challenge", default="04", help="a number, a name, or a folder")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    pool = pooled(1, options.challenge)
    with tempfile.TemporaryDirectory() as name:
        way = next(pool)
        run = endure(way, Path(name), solution(options.challenge), options.count)
        next(pool, None)
    text = (
        f"{run.count} distinct right hand-ins of challenge {options.challenge}, one after the other, "
        f"on {machine()}.\n\n{report(run)}"
    )
    print(text)
    if options.write:
        write("benchmarks/endurance.py", text)


if __name__ == "__main__":
    main()
