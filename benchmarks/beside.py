"""The specs of a challenge with the hand-in in the same process: python benchmarks/beside.py KEY.

Reads a path from each line of standard input, and answers with the seconds that its specs took. This is
what a grading costs without any isolation: both sides of the specs are here, each behind a session of its
own, and pytest runs as it does in a judge.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from types import ModuleType

import torch

from grader.challenge import Challenge, find
from grader.judging import run_specs_once
from grader.session import Session
from grader.specs import Context, verdicts
from grader.transport import LocalTransport
from grader.worker import loading


def _session(path: Path, name: str, challenge: Challenge) -> Session:
    module, rig = _module(path, name), None
    if challenge.rig is not None:
        rig = _module(challenge.rig, f"{name}_rig")
    transport = LocalTransport(module, rig, path.parent)
    return Session(transport, torch.device("cpu"), challenge.limits)


def _module(path: Path, name: str) -> ModuleType:
    return loading.execute(loading.compile_source(path), path, name)


def grade(challenge: Challenge, path: Path) -> None:
    """Run all specs against the hand-in, and make sure that each ran and passed."""
    torch.manual_seed(0)
    session = _session(path, "submission", challenge)

    def reference() -> Session:
        return _session(challenge.solution, "reference", challenge)

    context = Context(
        challenge=challenge,
        submission=session,
        second=lambda: session,
        reference=reference(),
        fresh_reference=reference,
        seed="1",
        budget=0.0,
        on_spec=lambda name: None,
    )
    found = verdicts(challenge, run_specs_once(context))
    if any(verdict.outcome != "passed" for verdict in found):
        raise SystemExit(f"{path}: {found}")


def main() -> None:
    """Answer each line with the seconds that its hand-in took."""
    challenge = find(sys.argv[1])
    torch.set_num_threads(1)
    # As in a judge.
    torch.set_deterministic_debug_mode("warn")
    for line in sys.stdin:
        started = time.perf_counter()
        grade(challenge, Path(line.strip()))
        print(time.perf_counter() - started, flush=True)


if __name__ == "__main__":
    main()
