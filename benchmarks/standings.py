"""How long the leaderboard takes over large stores, and what of it an index could save.

    python benchmarks/standings.py [--records 10000 100000] [--rounds 3] [--write]

Records shaped like real ones are written to a temporary folder, without syncs: 7 KB each, 400 teams, five
challenges. Each figure is a process of its own, from the command to its end. The files are in the system's
memory, as after any use of the store on the same day, but for the last figure; processor time is what a
busy machine blurs least. Linux only.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import msgspec
from figures import machine, write
from records import START, score

from leaderboard.score import ChallengeInfo, CurvePoint, Metric, Score, SpecResult, encode
from leaderboard.store import Store, challenge_folder, folder_name, time_stamp

SPECS, TEAMS, CHALLENGES = 14, 400, 5
# More attempts than any day has make pages of hundreds of megabytes.
MOST_OF_A_PAGE = 10_000
MESSAGE = (
    "The values differ from those expected, at most by 0.25; the tolerance is 0.00001.\n"
    "Look at what is masked, and when: before the softmax or after it?"
)


class Cost(NamedTuple):
    """What a process took."""

    wall_s: float
    cpu_s: float
    peak_mb: float


def record(number: int) -> Score:
    """A score that no other equals."""
    challenge, team = f"0{1 + number % CHALLENGES}", f"team {number // CHALLENGES % TEAMS:03}"
    passing = number * 37 % (SPECS + 1)
    info = ChallengeInfo(
        id=challenge, slug="a_challenge", title="A challenge", specs_sha256="0" * 64
    )
    trained = challenge == "05"
    loss = 0.73 + number * 7919 % 1000 / 1000
    return score(
        info,
        team,
        START + timedelta(seconds=number),
        [spec(one, one < passing) for one in range(SPECS)],
        metric=Metric(name="loss", value=loss, stderr=0.004, order="lower", precision=3)
        if trained
        else None,
        advice="" if number % 7 else "This looks like: the mask also hides the diagonal.",
        curve=tuple(CurvePoint(step=step, loss=3.0, seconds=0.5) for step in range(60))
        if trained
        else (),
    )


def spec(number: int, passed: bool) -> SpecResult:
    """A spec's result."""
    return SpecResult(
        name=f"test_the_property_of_number_{number}",
        title=f"Property number {number} holds for inputs of every shape that is allowed.",
        points=7,
        earned=7 if passed else 0,
        outcome="passed" if passed else "failed",
        message="" if passed else MESSAGE,
        seconds=0.0123,
    )


def fill(folder: Path, count: int) -> None:
    """Write so many records where `Store.add` would."""
    for number in range(count):
        score = record(number)
        place = folder / challenge_folder(score) / folder_name(score.team)
        place.mkdir(parents=True, exist_ok=True)
        data = encode(score)
        name = f"{time_stamp(score.submitted_at)}-{score.submission.sha256[:12]}.json"
        (place / name).write_bytes(data)


def cost(*command: str) -> Cost:
    """Run a command to its end."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    # The usage of all children together would show the largest of them for each.
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.perf_counter() - began
    assert process.returncode == 0, command
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def index_floor(folder: Path, index: Path) -> None:
    """Do what an index cannot do without: find every file, look at it, and load as many lean rows.

    A row has what a table needs and what proves that the file has not changed since.
    """
    rows = msgspec.msgpack.decode(index.read_bytes())
    for place, _, names in os.walk(folder):
        for name in names:
            Path(place, name).stat()
    assert rows


def forget(folder: Path) -> None:
    """Ask the system to drop the records from its memory; the names of the files stay there."""
    for path in folder.rglob("*.json"):
        with path.open("rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def write_index(folder: Path, index: Path) -> None:
    """Write lean rows of all records."""
    rows = []
    for one in Store(folder).each():
        status = one.path.stat()
        key = str(one.path), status.st_size, status.st_mtime_ns, status.st_ino
        lean = msgspec.structs.replace(one.score, specs=(), curve=(), output="")
        rows.append((key, msgspec.msgpack.encode(lean)))
    index.write_bytes(msgspec.msgpack.encode(rows))


def figures(count: int, rounds: int, folder: Path) -> Iterator[str]:
    """Measure one size of store, a row of the table for each figure."""
    store, index = folder / f"{count}", folder / f"{count}.index"
    # In a process of its own: a child is counted with the memory that its parent had.
    cost(sys.executable, __file__, "--fill", str(count), str(store), str(index))
    size = sum(path.stat().st_size for path in store.rglob("*.json"))
    grader = [sys.executable, "-m", "grader", "leaderboard", "--store", str(store)]
    page = [sys.executable, "-m", "grader", "page", "--store", str(store)]
    commands = {
        "grader leaderboard": grader,
        "grader leaderboard --overall": [*grader, "--overall"],
        "grader leaderboard --stats": [*grader, "--stats"],
        "the least that an index would cost": [
            *(sys.executable, __file__, "--floor", str(store), str(index))
        ],
    }
    if count <= MOST_OF_A_PAGE:
        commands["grader page"] = [*page, "--out", str(folder / f"{count}.page")]
    # Last, when the system has written all of them to the disk.
    commands["grader leaderboard, no record in memory"] = grader
    for name, command in commands.items():
        costs: list[Cost] = []
        for _ in range(rounds):
            if "no record" in name:
                forget(store)
            costs.append(cost(*command))
        walls = [one.wall_s for one in costs]
        cpu = statistics.median(one.cpu_s for one in costs)
        yield (
            f"| {count:,} ({size / 2**20:.0f} MiB) | {name} | {statistics.median(walls):.2f} s "
            f"| {min(walls):.2f}–{max(walls):.2f} | {cpu:.2f} s | {costs[-1].peak_mb:.0f} MiB |"
        )


def main() -> None:
    """Measure, print, and write the page if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fill", nargs=3, help=argparse.SUPPRESS)
    parser.add_argument("--floor", type=Path, nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    if options.fill:
        count, store, index = options.fill
        fill(Path(store), int(count))
        write_index(Path(store), Path(index))
        return
    if options.floor:
        index_floor(*options.floor)
        return
    lines = ["| records | | median | least–most | processor | peak memory |"]
    lines.append("|---|---|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        for count in options.records:
            lines += figures(count, options.rounds, Path(folder))
    load = f"load {os.getloadavg()[0]:.1f} at the end"
    text = "\n".join([f"On {machine()}; {options.rounds} runs each, {load}.", "", *lines])
    print(text)
    if options.write:
        write("benchmarks/standings.py", text)


if __name__ == "__main__":
    main()
