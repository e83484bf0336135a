"""What a cold grading costs, as ratios of figures taken in one run.

    python benchmarks/cold.py [--runs 5] [--write]

Every figure is the median of several runs of a whole process, interleaved so that a machine that
slows down slows all of them. `--write` puts the table into docs/performance.md.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from figures import machine, write

ROOT = Path(__file__).resolve().parent.parent
GRADER = [sys.executable, "-m", "grader"]
CHALLENGES = ("01_view_gather", "02_autograd_bug", "03_training_loop", "04_causal_attention")


def timed(command: list[str]) -> float:
    """Return the seconds that the command takes as a whole process."""
    started = time.perf_counter()
    done = subprocess.run(command, capture_output=True, check=False, cwd=ROOT)
    seconds = time.perf_counter() - started
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(command)}: {done.stderr.decode()}")
    return seconds


def commands(store: str) -> dict[str, list[str]]:
    """Return what is measured, by name."""
    grade = {
        f"grade {key[:2]}, solution": [
            *GRADER,
            "grade",
            key[:2],
            f"challenges/{key}/solution.py",
            "--store",
            store,
            "--device",
            "cpu",
        ]
        for key in CHALLENGES
    }
    return {
        "import torch": [sys.executable, "-c", "import torch"],
        **grade,
        "grader list": [*GRADER, "list", "--store", store],
        "grader --help": [*GRADER, "--help"],
        "grader start": [*GRADER, "start", "04", "--to", f"{store}/started", "--force"],
        "grader leaderboard": [*GRADER, "leaderboard", "--store", store],
    }


def supervisor_peak_mb(store: str) -> float:
    """Return the supervisor's own peak resident memory over one grading of 04, in MiB (Linux)."""
    script = (
        "import re, sys\n"
        "from click.testing import CliRunner\n"
        "from grader.cli import main\n"
        "CliRunner().invoke(main, sys.argv[1:])\n"
        # VmHWM, not ru_maxrss: that one counts the parent's memory before the exec as well.
        "print(re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())[1])\n"
    )
    words = ["grade", "04", "challenges/04_causal_attention/solution.py", "--store", store]
    done = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, check=True, cwd=ROOT
    )
    return int(done.stdout) / 1024


def tiny_gpt(store: str) -> tuple[float, float, float]:
    """Return seconds of the whole grading of 05's solution, seconds of training, and its loss."""
    path = "challenges/05_tiny_gpt/solution.py"
    started = time.perf_counter()
    done = subprocess.run(
        [*GRADER, "grade", "05", path, "--json", "--store", store, "--device", "cpu"],
        capture_output=True,
        check=False,
        cwd=ROOT,
    )
    whole = time.perf_counter() - started
    score = json.loads(done.stdout)
    if not score["passed"]:
        raise SystemExit(f"05's solution did not reach the target: {score['metric']}")
    spec = next(s for s in score["specs"] if "trained" in s["name"] or "unigram" in s["name"])
    return whole, spec["seconds"], score["metric"]["value"]


def measure(runs: int) -> str:
    """Return the table as Markdown."""
    with tempfile.TemporaryDirectory() as store:
        wanted = commands(store)
        for command in wanted.values():
            timed(command)  # files into the page cache
        samples: dict[str, list[float]] = {name: [] for name in wanted}
        for _ in range(runs):
            for name, command in wanted.items():
                samples[name].append(timed(command))
        memory = supervisor_peak_mb(store)
        whole, training, loss = tiny_gpt(store)
    base = statistics.median(samples["import torch"])
    lines = ["| figure | median | least–most | ÷ import torch |", "|---|--:|--:|--:|"]
    for name, values in samples.items():
        median = statistics.median(values)
        spread = f"{min(values):.2f}–{max(values):.2f}"
        lines.append(f"| {name} | {median:.2f} s | {spread} | {median / base:.2f} |")
    lines.append(f"| supervisor, peak memory | {memory:.0f} MiB | | |")
    lines.append(f"| grade 05, solution, whole | {whole:.1f} s | | {whole / base:.1f} |")
    lines.append(f"| 05: the spec that trains; loss {loss:.3f} | {training:.1f} s | | |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and write if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    text = f"On {machine()}; medians of {options.runs} runs.\n\n{measure(options.runs)}"
    print(text)
    if options.write:
        write("benchmarks/cold.py", text)


if __name__ == "__main__":
    main()
