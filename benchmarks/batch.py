"""What a batch costs besides the gradings: the store, the plan, memory, and what a task carries.

    python benchmarks/batch.py [--records 10000] [--hand-ins 200]

Everything is written to a temporary folder, and read again at once, so that the reading is from memory.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import psutil

from grader.challenge import Challenge, find
from grader.entries import Names, collect, entries_of
from grader.grading import Attempt
from grader.planning import Records, plan, read
from grader.pool import Pool
from grader.submission import Submission
from grader.submission import read as read_submission
from leaderboard.score import Score, encode
from leaderboard.store import Store

ROOT = Path(__file__).resolve().parent.parent


def variant(challenge: Challenge, number: int) -> Submission:
    """A right hand-in that no other equals."""
    text = challenge.solution.read_text("utf-8") + f"\n# {number}\n"
    return Submission.of("mine.py", {"mine.py": text.encode()})


def report(name: str, text: str) -> None:
    """Print a figure."""
    print(f"{name:<52}{text:>20}", flush=True)


def measure_tasks(challenge: Challenge, hand_ins: int) -> Score:
    """Grade so many hand-ins in one slot: what goes in and out, and what this process holds."""
    ours = psutil.Process()
    before = 0.0
    with Pool() as pool:
        attempt = Attempt(challenge, "team")
        for number in range(hand_ins):
            score = pool.submit(variant(challenge, number), attempt).result()
            if number == 9:
                before = ours.memory_info().rss / 2**20
        after = ours.memory_info().rss / 2**20
        family = sum(child.memory_info().rss for child in ours.children(recursive=True)) / 2**20
    report(
        "hand-in, as a msgspec message", f"{len(msgspec.msgpack.encode(variant(challenge, 0)))} B"
    )
    report("score, as a msgspec message", f"{len(msgspec.msgpack.encode(score))} B")
    report("score, as a record in the store", f"{len(encode(score))} B")
    report("supervisor after 10 hand-ins, resident", f"{before:.1f} MiB")
    report(f"supervisor after {hand_ins} hand-ins, resident", f"{after:.1f} MiB")
    report("judge and worker of the slot, resident, shared twice", f"{family:.0f} MiB")
    return score


def measure_store(score: Score, count: int, folder: Path) -> None:
    """Write and read so many records, of as many teams as there are hundreds."""
    store = Store(folder / "store")
    began = time.perf_counter()
    for number in range(count):
        team, moment = f"team {number % (count // 100)}", datetime.now(UTC)
        store.add(msgspec.structs.replace(score, team=team, submitted_at=moment))
    took = time.perf_counter() - began
    report(f"Store.add, of {count} records", f"{count / took:.0f} /s")
    began = time.perf_counter()
    read_back, problems = store.read()
    took = time.perf_counter() - began
    assert (len(read_back), problems) == (count, [])
    report(f"Store.read, of {count} records", f"{took:.2f} s")


PLANNING = """
import sys, time
sys.path.insert(0, sys.argv[3])
from benchmarks.batch import planned
from pathlib import Path
def peak_mb():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
began, base = time.perf_counter(), peak_mb()
planned(sys.argv[1], sys.argv[2])
print(f"{time.perf_counter() - began:.2f} s, {peak_mb() - base:.0f} MiB")
"""


def planned(source: str, store: str) -> None:
    """Make the plan for a folder, as `grader batch --resume` does."""
    found = collect([Path(source)], Names(), Path(source))
    hand_ins = [read(entry) for entry in entries_of(found, [])]
    stored = (one for one in Store(store).each() if not hasattr(one, "reason"))
    made = plan(hand_ins, (), Records(hand_ins, stored), "resume")  # type: ignore[arg-type]
    assert made.hand_ins == len(hand_ins)


def measure_plan(challenge: Challenge, count: int, folder: Path) -> None:
    """Plan a folder of so many hand-ins, in a process of its own."""
    for number in range(count):
        place = folder / "hand-ins" / f"team {number:06}"
        place.mkdir(parents=True)
        variant(challenge, number).write(place)
        (place / "submission.py").rename(place / f"{challenge.id}.py")
    for store in ("no store", "store"):
        arguments = [str(folder / "hand-ins"), str(folder / store), str(ROOT)]
        done = subprocess.run(
            [sys.executable, "-c", PLANNING, *arguments], capture_output=True, text=True, check=True
        )
        what = "" if store == "no store" else f", beside {count} records"
        report(f"plan of {count} hand-ins{what}", done.stdout.strip())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=10_000)
    parser.add_argument("--hand-ins", type=int, default=200)
    arguments = parser.parse_args()
    challenge = find("04")
    one = read_submission(str(challenge.starter), challenge.file_name)
    report("stub of 04, as a msgspec message", f"{len(msgspec.msgpack.encode(one))} B")
    score = measure_tasks(challenge, arguments.hand_ins)
    with tempfile.TemporaryDirectory() as name:
        measure_store(score, arguments.records, Path(name))
        measure_plan(challenge, arguments.records, Path(name))


if __name__ == "__main__":
    main()
