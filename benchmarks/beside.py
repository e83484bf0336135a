"""The specs of a challenge with the hand-in in the same process: python benchmarks/beside.py KEY.

Reads a path from each line of standard input, and answers with the seconds that its specs took. This is
what a grading costs without any isolation: both sides of the specs are here, each behind a session of its
own. The options of pytest are fixed here, so that the yardstick does not change with the judge.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
from pathlib import Path
from types import ModuleType

import pytest
import torch
from pytest_jsonreport.plugin import JSONReport

from grader.challenge import Challenge, find
from grader.session import Session
from grader.specs import Context, SpecPlugin, verdicts
from grader.transport import LocalTransport
from grader.worker import loading

PLUGINS_OFF = (
    *("faulthandler", "doctest", "junitxml", "unraisableexception", "threadexception"),
    "cacheprovider",
)
PLUGINS_ON = ("pytest_metadata.plugin", "pytest_jsonreport.plugin")


def _session(path: Path, name: str, challenge: Challenge) -> Session:
    module: ModuleType = loading.execute(loading.compile_source(path), path, name)
    transport = LocalTransport(module, None, path.parent)
    return Session(transport, torch.device("cpu"), challenge.limits)


def _report(challenge: Challenge, context: Context) -> dict[str, object]:
    folder = str(challenge.folder / "specs")
    options = ["-c", os.devnull, "--rootdir", folder, "-q", "--tb=short", "--noconftest"]
    for name in PLUGINS_OFF:
        options += ["-p", f"no:{name}"]
    for name in PLUGINS_ON:
        options += ["-p", name]
    options += ["--json-report-file=none", "--import-mode=importlib", folder]
    report = JSONReport()
    with contextlib.redirect_stdout(io.StringIO()):
        pytest.main(options, plugins=[SpecPlugin(context), report])
    return dict(report.report)


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
    found = verdicts(challenge, _report(challenge, context))
    if any(verdict.outcome != "passed" for verdict in found):
        raise SystemExit(f"{path}: {found}")


def main() -> None:
    """Answer each line with the seconds that its hand-in took."""
    challenge = find(sys.argv[1])
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    torch.set_num_threads(1)
    # As in a judge.
    torch.set_deterministic_debug_mode("warn")
    for line in sys.stdin:
        started = time.perf_counter()
        grade(challenge, Path(line.strip()))
        print(time.perf_counter() - started, flush=True)


if __name__ == "__main__":
    main()
