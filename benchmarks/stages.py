"""Where the time of a grading of 04 goes, cold and warm: a table, and docs/time.svg.

    python benchmarks/stages.py [--runs 9] [--write]

Of each kind so many gradings of distinct right hand-ins are taken apart, and the one whose whole time is
the median is shown, so that its stages add up. The clock is in stamps.py. `--write` puts table and picture
into docs/.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import bars
import stamps
from figures import ROOT, machine, write
from ways import ENVIRONMENT, KEY, hand_ins, solution

PICTURE: Final = ROOT / "docs" / "time.svg"
# The hand-in's own first line: until then its process has imported torch.
FIRST_LINE: Final = "import time as _time; print('begun', _time.perf_counter())\n"
JUDGED: Final = ("load", "pytest", "specs", "reference", "worker")


def _record(folder: Path) -> tuple[dict[str, float], dict[str, float]]:
    """Return the moments and the seconds that the last judge has written; no other is left."""
    *_, path = sorted(folder.glob("*.json"))
    record = json.loads(path.read_text("utf-8"))
    for old in folder.glob("*.json"):
        old.unlink()
    return record["moments"], {name: record["seconds"].get(name, 0.0) for name in JUDGED}


def cold(folder: Path, path: Path) -> dict[str, float]:
    """Take one cold grading apart."""
    command = [sys.executable, stamps.__file__, str(folder), "grader", "grade", KEY, str(path)]
    begun = time.perf_counter()
    done = subprocess.run(
        [*command, "--json", "--device", "cpu", "--store", str(folder / "store")],
        stdout=subprocess.PIPE,
        check=True,
        cwd=ROOT,
        env=ENVIRONMENT,
    )
    ended = time.perf_counter()
    moments, seconds = _record(folder)
    started = float((folder / "started").read_text("utf-8"))
    # Judge and worker import torch side by side; loading begins when both have.
    imported = float(json.loads(done.stdout)["output"].split()[1])
    waited = seconds["load"] - max(0.0, moments["load ended"] - imported)
    seconds["load"] -= waited
    return {
        "start": started - begun,
        "fork": moments["importing"] - started,
        "torch": moments["judging"] - moments["importing"] + waited,
        **seconds,
        "end": ended - moments["verdict"],
    }


def warm(folder: Path, paths: list[Path]) -> list[dict[str, float]]:
    """Take gradings of a pool with one slot apart, one after the other."""
    from grader.challenge import find
    from grader.grading import Attempt
    from grader.pool import Pool
    from grader.submission import read

    subprocess.Popen, kept = stamps.Popen, subprocess.Popen  # type: ignore[misc]
    stamps.Popen.folder = str(folder)
    attempt = Attempt(find(KEY), "benchmark")
    found = []
    try:
        with Pool(1) as pool:
            for path in paths:
                begun = time.perf_counter()
                score = pool.submit(read(str(path), path.name), attempt).result()
                ended = time.perf_counter()
                if not score.passed:
                    raise SystemExit(f"{path}: {score.status}, {score.score}")
                moments, seconds = _record(folder)
                fork = moments["judging"] - begun
                found.append({"fork": fork, **seconds, "end": ended - moments["verdict"]})
    finally:
        subprocess.Popen = kept  # type: ignore[misc]
    # The first two pay for the warming up, and for pages that nobody has touched before.
    return found[2:]


def middle(gradings: list[dict[str, float]]) -> dict[str, float]:
    """Return the grading whose whole time is the median."""
    return sorted(gradings, key=lambda stages: sum(stages.values()))[len(gradings) // 2]


def measure(runs: int) -> tuple[dict[str, float], dict[str, float]]:
    """Return the seconds by stage of a cold and of a warm grading."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = hand_ins(folder, runs + 2, FIRST_LINE + solution())
        # The first one reads files that are not in memory yet.
        slow = [cold(folder, path) for path in paths[: runs + 1]][1:]
        return middle(slow), middle(warm(folder, paths))


def table(cold_stages: dict[str, float], warm_stages: dict[str, float]) -> str:
    """Return both as Markdown."""
    lines = ["| stage | cold | warm |", "|---|--:|--:|"]
    for name, stage in bars.STAGES.items():
        cells = [
            f"{stages[name]:.3f} s" if name in stages else "–"
            for stages in (cold_stages, warm_stages)
        ]
        lines.append(f"| {stage.words} | {' | '.join(cells)} |")
    sums = [sum(stages.values()) for stages in (cold_stages, warm_stages)]
    lines.append(f"| **whole** | **{sums[0]:.3f} s** | **{sums[1]:.3f} s** |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and write if asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    slow, fast = measure(options.runs)
    text = (
        f"Challenge {KEY}, the worked solution, the median of {options.runs} gradings of each kind, "
        f"on {machine()}.\n\n{table(slow, fast)}"
    )
    print(text)
    if options.write:
        write("benchmarks/stages.py", text)
        PICTURE.write_text(bars.picture(slow, fast), "utf-8")


if __name__ == "__main__":
    main()
