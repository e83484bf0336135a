"""Finds out which walls stand on this machine: starts each, and tries to escape from it."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

import grader
from grader import escapes, remedies, sweeping
from grader.challenge import Limits, data_folder
from grader.walls import LEVELS, WALLS, Job, PlainProcess, Wall
from grader.walls.base import make_readable
from grader.worker.landlock import SCOPES_SINCE
from leaderboard.score import Walls

WORKER: Final = Path(grader.__file__).parent / "worker"
PATIENCE_S: Final = 30.0
# What the plain process closes by Landlock, and what by a version of it that knows signals.
BY_LANDLOCK: Final = frozenset({"home", "kit", "temporary", "processes", "code"})
BY_SCOPES: Final = frozenset({"signal"})
_DEVICES: Final = """
import json, torch
count = torch.cuda.device_count() if torch.cuda.is_available() else 0
print(json.dumps([torch.cuda.get_device_name(number) for number in range(count)]))
"""


class Escape(msgspec.Struct, frozen=True):
    """One attempt: whether the wall stopped it, and if not, whether that is known of its level."""

    name: str
    title: str
    stopped: bool
    known: bool


class WallReport(msgspec.Struct, frozen=True):
    """One wall: why it is missing, or what came of the attempts to escape from it."""

    name: str
    level: Walls
    missing: str | None
    escapes: tuple[Escape, ...] = ()

    @property
    def leaks(self) -> tuple[Escape, ...]:
        """What came through though it must not."""
        return tuple(one for one in self.escapes if not one.stopped and not one.known)

    @property
    def stands(self) -> bool:
        """Whether the wall starts and holds what its level promises."""
        return self.missing is None and not self.leaks


class Report(msgspec.Struct, frozen=True):
    """What `grader doctor` found."""

    platform: str
    walls: tuple[WallReport, ...]
    chosen: str
    """Name of the wall that `grader grade` takes."""
    level: Walls
    cuda_devices: tuple[str, ...]
    remedies: tuple[str, ...]
    """Commands that would get a stronger wall."""

    @property
    def leaks(self) -> bool:
        """Whether a wall that starts lets something through that it must not."""
        return any(wall.leaks for wall in self.walls)

    def holds(self, required: Walls | None) -> bool:
        """Return whether the chosen wall is as strong as required and holds."""
        (chosen,) = (wall for wall in self.walls if wall.name == self.chosen)
        return chosen.stands and (required is None or LEVELS[self.level] >= LEVELS[required])


def known_gaps(wall: Wall) -> frozenset[str]:
    """Return what a wall lets through, and is known to. Nothing else may come through."""
    if not isinstance(wall, PlainProcess):
        return frozenset()
    if sys.platform != "linux":
        return frozenset(escapes.TITLES)
    gaps = frozenset({"machine"})
    if not wall.abi:
        gaps |= BY_LANDLOCK
    return gaps if wall.abi >= SCOPES_SINCE else gaps | BY_SCOPES


def examine(walls: tuple[Wall, ...] = WALLS) -> Report:
    """Start every wall of this machine, try to escape from each, and report."""
    reports = tuple(_examine(wall) for wall in walls)
    chosen = next(report for report in reports if report.missing is None)
    return Report(
        platform=f"{platform.system()} {platform.release()} {platform.machine()}",
        walls=reports,
        chosen=chosen.name,
        level=chosen.level,
        cuda_devices=_cuda_devices(),
        remedies=() if chosen.level == "strong" else remedies.for_this_machine(),
    )


def _examine(wall: Wall) -> WallReport:
    missing = wall.missing()
    if missing is not None:
        return WallReport(wall.name, wall.level, missing)
    with sweeping.workspace() as folder, _targets() as targets:
        try:
            stopped = _attempts(wall, _stage(folder, targets))
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            return WallReport(wall.name, wall.level, f"it starts, and then fails: {error}")
    known = known_gaps(wall)
    return WallReport(
        wall.name,
        wall.level,
        None,
        tuple(
            Escape(key, title, stopped[key], not stopped[key] and key in known)
            for key, title in escapes.TITLES.items()
        ),
    )


def _stage(folder: Path, targets: dict[str, Any]) -> Job:
    """Lay out a worker that tries to escape, as the supervisor lays out one that serves."""
    job = Job(folder / "worker", folder / "handin", None, folder / "scratch", Limits())
    for path in (job.worker, job.hand_in, job.scratch):
        path.mkdir()
    for name in ("__init__.py", "boot.py", "landlock.py", "privileges.py"):
        shutil.copy(WORKER / name, job.worker)
    shutil.copy(escapes.__file__, job.worker / "process.py")
    (job.hand_in / "submission.py").write_text("")
    (job.hand_in / "targets.json").write_text(json.dumps(targets))
    make_readable(folder)
    return job


def _attempts(wall: Wall, job: Job) -> dict[str, bool]:
    nothing, pipe = subprocess.DEVNULL, subprocess.PIPE
    running = wall.start(job, nothing, pipe, pipe)
    try:
        said, errors = running.process.communicate(timeout=PATIENCE_S)
    finally:
        running.kill()
    if not said:
        lines = errors.decode(errors="replace").strip().splitlines()
        raise ValueError(lines[-1] if lines else "no answer")
    return msgspec.json.decode(said, type=dict[str, bool])


@contextlib.contextmanager
def _targets() -> Iterator[dict[str, Any]]:
    """Make what is to be out of reach, so that an attempt that reaches nothing was stopped."""
    with contextlib.ExitStack() as stack:
        home = _file_in(stack, Path.home())
        temporary = _file_in(stack, Path(tempfile.gettempdir()))
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        sleeper = [sys.executable, "-S", "-c", "import sys; sys.stdin.read()"]
        process = subprocess.Popen(sleeper, stdin=subprocess.PIPE)
        stack.callback(process.communicate)
        kit = next(data_folder("challenges").glob("*/specs/test_*.py"))
        yield {
            "home": home,
            "temporary": temporary,
            "kit": str(kit),
            "supervisor": os.getpid(),
            "process": process.pid,
            "port": listener.getsockname()[1],
            "machine": platform.node(),
        }


def _file_in(stack: contextlib.ExitStack, folder: Path) -> str | None:
    """Make a file there; the temporary folder takes the place of one that cannot be written to."""
    for place in (folder, None):
        with contextlib.suppress(OSError):
            file = tempfile.NamedTemporaryFile(dir=place, prefix=".grader-doctor-")  # noqa: SIM115
            return stack.enter_context(file).name
    return None


def _cuda_devices() -> tuple[str, ...]:
    """Ask torch, in a process of its own: the command line never imports it."""
    with contextlib.suppress(OSError, subprocess.SubprocessError, msgspec.DecodeError):
        asked = [sys.executable, "-c", _DEVICES]
        said = subprocess.run(asked, capture_output=True, timeout=PATIENCE_S, check=True).stdout
        return msgspec.json.decode(said, type=tuple[str, ...])
    return ()
