"""The medium wall: sandlock. Landlock and a system call filter, where there are no user namespaces.

The worker sees the same files as in the strong wall, at their own places; the rest of the file system
has names but no contents. There is no network, no signal reaches out, and processes are counted.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import os
import secrets
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import psutil

from grader.challenge import Limits
from grader.walls import seccomp, view
from grader.walls.base import Job, Pipe, Running, describe_exit, environment, handed_over, settings
from leaderboard.score import Walls

HOLDER = Path(__file__).parent / "holder.py"
PATIENCE_S = 10.0


class Sandlock:
    """Landlock and seccomp by the package sandlock, on Linux 6.12 or newer."""

    name = "sandlock"
    level: Walls = "medium"

    def missing(self) -> str | None:
        """Return None if sandlock starts a process here, else why not."""
        return _missing()

    def start(self, job: Job, stdin: Pipe, stdout: Pipe, stderr: Pipe) -> Running:
        """Start the worker behind Landlock and system call filters."""
        site = view.site_of_links(job)
        told = settings(job, job.hand_in / "submission.py", job.rig, [site], seccomp.for_boot())
        boot = job.worker / "boot.py"
        command = [str(view.python()), "-s", "-S", "-P", "-B", str(boot), told]
        return SandlockRunning(_hold(_options(job, site), command, stdin, stdout, stderr), job)


class SandlockRunning(Running):
    """The holder of a worker. It ends when the worker ends, and when it is asked to end."""

    def __init__(self, process: subprocess.Popen[bytes], job: Job) -> None:
        super().__init__(process, job.scratch)

    def kill(self) -> None:
        """Ask the holder to end the tree; end it piece by piece if that takes too long."""
        self.process.terminate()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            super().kill()

    def tree(self) -> list[psutil.Process]:
        """Return the worker and all that descends from it."""
        # Without the holder itself: its memory is ours.
        return super().tree()[1:]


def _hold(
    options: dict[str, Any], command: list[str], stdin: Pipe, stdout: Pipe, stderr: Pipe
) -> subprocess.Popen[bytes]:
    told = {"site": str(_sandlock_site()), "options": options, "command": command}
    with handed_over(json.dumps(told).encode()) as file:
        python = [sys.executable, "-I", "-S", "-B", str(HOLDER)]
        return subprocess.Popen(
            [*python, str(file.fileno()), str(os.getpid())],
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=[file.fileno()],
            # sandlock asks for a home folder as soon as it is imported; the number of a user may have none.
            env={"HOME": "/"},
            start_new_session=True,
        )


def _options(job: Job, site: Path) -> dict[str, Any]:
    """Return the arguments of sandlock.Sandbox for a worker."""
    readable = [job.worker, job.hand_in, site, *view.package_entries()]
    readable += [job.rig] if job.rig else []
    readable += view.cuda_folders() if job.cuda else []
    options = _sandbox(job.limits, job.scratch, readable)
    # An empty list is every device: which one is used is torch's to say.
    return {**options, "gpu_devices": []} if job.cuda else options


def _sandbox(limits: Limits, scratch: Path, readable: list[Path]) -> dict[str, Any]:
    shown = [*map(Path, view.SYSTEM_FILES), *view.system_paths(), *readable]
    return {
        # What the hand-in takes for the machine's name. sandlock refuses two of a name at a time.
        "name": f"worker-{secrets.token_hex(8)}",
        "fs_readable": [str(path) for path in shown if path.exists()],
        "fs_denied": list(view.hidden_folders(view.system_paths())),
        "fs_writable": [str(scratch), "/dev/null"],
        # The watchdog's limit comes first, with the better message.
        "max_processes": limits.processes + 8,
        "clean_env": True,
        "env": environment(limits, str(scratch)),
        "cwd": str(scratch),
    }


def _sandlock_site() -> Path | None:
    try:
        spec = importlib.util.find_spec("sandlock")
    except ValueError:
        return None
    return Path(spec.origin).parent.parent if spec and spec.origin else None


@functools.cache
def _missing() -> str | None:
    if sys.platform != "linux":
        return "sandlock is for Linux only"
    if _sandlock_site() is None:
        return "the package sandlock is not installed"
    if seccomp.for_boot() is None:
        return "there is no system call filter for this processor"
    with tempfile.TemporaryDirectory(prefix="grader-probe-") as scratch:
        options = _sandbox(Limits(), Path(scratch), [])
        command = [str(view.python()), "-I", "-S", "-B", "-c", "pass"]
        nowhere = subprocess.DEVNULL
        try:
            process = _hold(options, command, nowhere, nowhere, subprocess.PIPE)
            _, said = process.communicate(timeout=PATIENCE_S)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"sandlock does not start: {error}"
    if process.returncode == 0:
        return None
    lines = said.decode(errors="replace").split("\n")
    words = "; ".join(line for line in lines if line) or describe_exit(process.returncode)
    return f"sandlock does not start: {words}"
