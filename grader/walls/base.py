"""The protocol of a wall, and what every wall starts: the worker's process, metered and killable."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final, Protocol

import msgspec
import psutil

from grader.challenge import Limits
from leaderboard.score import Walls

LEVELS: Final[dict[str, int]] = {"none": 0, "weak": 1, "medium": 2, "strong": 3}

Pipe = IO[bytes] | int

# bwrap itself is two small processes around the worker: no more than these share nothing that counts.
ALONE: Final = 3
# Of more processes and files than these only the number counts: it is beyond every limit.
MEASURED: Final = 1000
FILES_COUNTED: Final = 20_000
KILLING_ROUNDS: Final = 40


class Job(msgspec.Struct, frozen=True):
    """One worker to start.

    `worker` is a folder with copies of the worker's modules, `hand_in` the folder with `submission.py`,
    `scratch` an empty folder that the hand-in may write to, where the wall has no private one.
    """

    worker: Path
    hand_in: Path
    rig: Path | None
    scratch: Path
    limits: Limits
    cuda: bool = False
    shown_name: str = "submission.py"
    """What tracebacks call the hand-in's main file."""
    warm: bool = False
    """Whether it is to fork a child for each of many hand-ins; see worker/zygote.py."""


class Confinement(msgspec.Struct, frozen=True):
    """What a worker leaves itself by Landlock, where the wall leaves this to it: see worker/landlock.py."""

    abi: int
    system: list[str]
    hidden: list[str]
    read: list[str]
    write: list[str]
    devices: list[str]


class Usage(msgspec.Struct, frozen=True):
    """What a process tree has used: CPU seconds; now: MiB, processes, threads of all of them, MiB and
    files in its scratch folder (where that lies on a disk of the machine)."""

    cpu_s: float
    memory_mb: float
    processes: int
    threads: int = 0
    disk_mb: float = 0.0
    files: int = 0


class Wall(Protocol):
    """Starts a worker so that it can reach less than the person who started it."""

    name: str
    level: Walls

    def missing(self) -> str | None:
        """Return None if the wall stands on this machine, else why not. Really starts it."""
        ...

    def start(self, job: Job, stdin: Pipe, stdout: Pipe, stderr: Pipe) -> Running:
        """Start the worker of `job`; the three streams become its descriptors 0, 1 and 2."""
        ...


class Running:
    """A started worker and everything that it started."""

    def __init__(self, process: subprocess.Popen[bytes], scratch: Path | None = None) -> None:
        self.process = process
        self._scratch = scratch
        self._root = psutil.Process(process.pid)
        self._cpu: dict[tuple[int, float], float] = {}
        self._most_cpu = 0.0

    @property
    def stderr(self) -> IO[bytes] | None:
        """What the hand-in prints to."""
        return self.process.stderr

    def poll(self) -> int | None:
        """Return the exit code, or None while the worker runs."""
        return self.process.poll()

    def exit_code(self, patience: float) -> int | None:
        """Return the exit code if the worker ends by itself within so many seconds."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self.process.wait(patience)
        return None

    def usage(self, exact_above_mb: float = 0.0) -> Usage:
        """Measure the tree now. CPU seconds of processes that have ended stay counted.

        Memory is the sum of what each process holds. Only if that is above `exact_above_mb`, pages
        that processes share are split between them (PSS), which takes far longer to find out.
        """
        memory, count, threads, living, members = 0, 0, 0, 0.0, self.tree()
        for process in members[:MEASURED]:
            with contextlib.suppress(psutil.Error), process.oneshot():
                times = process.cpu_times()
                own = times.user + times.system
                self._cpu[process.pid, process.create_time()] = own
                # What ended between two looks is counted by the parent that waited for it (Linux).
                waited_for = getattr(times, "children_user", 0) + getattr(
                    times, "children_system", 0
                )
                living += own + waited_for
                memory += process.memory_info().rss
                threads += process.num_threads()
                count += 1
        if sys.platform == "linux" and count > ALONE and memory / 2**20 > exact_above_mb:
            with contextlib.suppress(psutil.Error):
                memory = sum(map(_exact_memory, members[:MEASURED]))
        count += len(members[MEASURED:])
        size, files = self.disk()
        # Not their sum: whoever was seen alive and then waited for is in both.
        cpu = max(sum(self._cpu.values()), living, self._most_cpu)
        self._most_cpu = cpu
        return Usage(cpu, memory / 2**20, count, threads, size / 2**20, files)

    def kill(self) -> None:
        """End the whole tree and reap it."""
        seen: dict[psutil.Process, None] = {}
        for _ in range(KILLING_ROUNDS):
            seen |= dict.fromkeys(self.tree())
            for process in seen:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(0.05)
            # The first one is the other library's to reap: it keeps the exit code.
            others = [process for process in seen if process.pid != self.process.pid]
            seen = {process: None for process in others if not _gone(process)}
            if self.process.poll() is not None and not seen:
                break
            time.sleep(0.002)
        self.process.wait()

    def disk(self) -> tuple[int, int]:
        """Return the bytes and the number of files that it has in its scratch folder."""
        return _disk_usage(self._scratch) if self._scratch else (0, 0)

    def tree(self) -> list[psutil.Process]:
        """Return the worker and all that descends from it."""
        try:
            return [self._root, *self._root.children(recursive=True)]
        except psutil.Error:
            return []


def _disk_usage(folder: Path) -> tuple[int, int]:
    """Return the bytes that lie below a folder, and the number of files and folders."""
    size = files = 0
    waiting = [str(folder)]
    while waiting and files < FILES_COUNTED:
        with contextlib.suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                files += 1
                with contextlib.suppress(OSError):
                    # Blocks, not length: a file may have holes. Windows does not count blocks.
                    status = entry.stat(follow_symlinks=False)
                    size += getattr(status, "st_blocks", status.st_size // 512) * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                if files >= FILES_COUNTED:
                    break
    return size, files


def _exact_memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.NoSuchProcess:
        return 0
    except psutil.Error:
        # A process may deny a look at its pages (prctl), but not at their number.
        return int(process.memory_info().rss)


def _gone(process: psutil.Process) -> bool:
    """Whether it has ended and was reaped; an orphan that we adopted is ours to reap."""
    with contextlib.suppress(psutil.Error):
        process.wait(0)
    try:
        return not process.is_running()
    except psutil.Error:
        return True


@contextlib.contextmanager
def handed_over(data: bytes) -> Iterator[IO[bytes]]:
    """Put data into a file without a name, for a process that inherits its descriptor to read."""
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        yield file


def make_readable(folder: Path) -> None:
    """Let another user id read what lies in a folder, which it has inside the strong wall."""
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    folder.chmod(0o711)


def environment(limits: Limits, home: str) -> dict[str, str]:
    """Return the worker's whole environment: nothing of the caller's is inherited."""
    threads = str(limits.threads)
    fixed = {
        "HOME": home,
        "TMPDIR": home,
        "LANG": "C.UTF-8",
        "PATH": "/usr/bin:/bin",
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": threads,
        "MKL_NUM_THREADS": threads,
        "OPENBLAS_NUM_THREADS": threads,
        # Threads that spin while they wait make training a hundred times slower on busy cores.
        "OMP_WAIT_POLICY": "PASSIVE",
        # cuBLAS is deterministic only with a fixed workspace (its documentation, "Reproducibility").
        "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
    }
    if sys.platform == "win32":
        # Without SYSTEMROOT Python cannot start there.
        fixed["SYSTEMROOT"] = os.environ.get("SYSTEMROOT", r"C:\Windows")
    return fixed


def settings(
    job: Job,
    submission: Path,
    rig: Path | None,
    site: list[Path],
    call_filter: str | None = None,
    confinement: Confinement | None = None,
) -> str:
    """Return what boot.py is told, as JSON: paths as the worker sees them, and its limits.

    `call_filter`: a program for seccomp in base64. It and `confinement` are for a wall that leaves
    these to the worker itself.
    """
    values: dict[str, Any] = {
        "submission": str(submission),
        "rig": str(rig) if rig else None,
        "site": [str(path) for path in site],
        "limits": msgspec.to_builtins(job.limits),
        "shown_name": job.shown_name,
        "call_filter": call_filter,
        "confinement": msgspec.to_builtins(confinement),
        # Of our processes: a warm worker must be in another one, since it ends whatever is in its own.
        "warm_outside": str(Path("/proc/self/ns/pid").readlink()) if job.warm else None,
    }
    return json.dumps(values)


def site_folders() -> list[Path]:
    """Return the folders from which this Python imports installed packages."""
    paths = sysconfig.get_paths()
    folders = [Path(paths["purelib"]), Path(paths["platlib"])]
    folders += [Path(p) for p in sys.path if p.endswith(("site-packages", "dist-packages"))]
    return list(dict.fromkeys(folder for folder in folders if folder.is_dir()))


def describe_exit(code: int) -> str:
    """Return an exit code in words: "exit code 3", "signal SIGSEGV"."""
    number = -code if code < 0 else code - 128
    with contextlib.suppress(ValueError):
        if code < 0 or code > 128:
            return f"signal {signal.Signals(number).name}"
    return f"exit code {code}"
