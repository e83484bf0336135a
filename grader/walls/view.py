"""What of this machine a walled worker may see: Python, its libraries, torch and what that requires."""

from __future__ import annotations

import functools
import importlib.metadata
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from packaging.requirements import Requirement

from grader.walls.base import Job, site_folders

SYSTEM_FOLDERS = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/lib32")
# /proc/self is resolved when the worker starts: its own entry, and no other process's.
SYSTEM_FILES = (
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/sys/devices/system/cpu",
    "/sys/kernel/mm/transparent_hugepage",
    "/dev/zero",
    "/dev/random",
    "/dev/urandom",
)
PACKAGES = ("torch", "numpy", "msgspec", "safetensors")
CUDA_FOLDERS = (
    "/usr/local/nvidia",
    "/usr/local/cuda",
    "/sys/devices",
    "/sys/bus/pci",
    "/proc/driver",
)


def python() -> Path:
    """Return the interpreter itself: that of a virtual environment may be a copy without its library."""
    base: str = getattr(sys, "_base_executable", "") or sys.executable
    return Path(base).resolve()


@functools.cache
def system_paths() -> tuple[Path, ...]:
    """Return the existing files and folders of the interpreter and of the system's libraries."""
    base = Path(sys.base_prefix)
    paths = [*map(Path, SYSTEM_FOLDERS), base / "lib", base / "bin", python()]
    paths.append(Path("/etc/ld.so.cache"))
    return tuple(path for path in dict.fromkeys(paths) if path.exists())


@functools.cache
def hidden_folders(shown: tuple[Path, ...]) -> tuple[str, ...]:
    """Return what the shown folders contain but must not show: installed packages, the kit itself."""
    kit = Path(__file__).resolve().parents[2]
    candidates = site_folders()
    for prefix in (Path(sys.base_prefix), Path("/usr"), Path("/usr/local")):
        for name in ("site-packages", "dist-packages"):
            # Of every version: the kit may be installed for another as well.
            candidates += (prefix / "lib").glob(f"python3*/{name}")
    # A clone as a whole; otherwise only the two packages are known to be the kit's.
    clone = (kit / "pyproject.toml").exists()
    candidates += [kit] if clone else [kit / "grader", kit / "leaderboard"]
    places = {path.resolve() for path in shown}
    there = {path.resolve() for path in candidates if path.is_dir()}
    hidden = {path for path in there if not places.isdisjoint([path, *path.parents])}
    return tuple(sorted(str(path) for path in hidden if hidden.isdisjoint(path.parents)))


@functools.cache
def package_entries() -> tuple[Path, ...]:
    """Return the files and folders of torch, numpy, msgspec, safetensors and all that they require."""
    entries: dict[str, Path] = {}
    for distribution in _closure(PACKAGES):
        for name in _top_level(distribution):
            path = Path(str(distribution.locate_file(name)))
            if path.exists():
                entries[name] = path
    return tuple(entries[name] for name in sorted(entries))


def site_of_links(job: Job) -> Path:
    """Return a folder of links to the packages that are shown; their own folder cannot be listed."""
    site = job.worker.parent / "site"
    if site.is_dir():
        return site
    site.mkdir()
    for entry in package_entries():
        (site / entry.name).symlink_to(entry)
    return site


def cuda_devices() -> list[Path]:
    """Return the device nodes of NVIDIA's driver."""
    return sorted(Path("/dev").glob("nvidia*"))


def cuda_folders() -> list[Path]:
    """Return the folders where the CUDA driver looks for itself and its devices."""
    return [path for path in map(Path, CUDA_FOLDERS) if path.exists()]


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
        for text in _requires(distribution):
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                waiting.append(requirement.name)


def _requires(distribution: importlib.metadata.Distribution) -> list[str]:
    """Return what the distribution requires, without most of what it requires for an extra.

    The library parses the whole description as a mail to find this, and to understand each takes long.
    """
    head = (distribution.read_text("METADATA") or "").partition("\n\n")[0]
    texts = re.findall(r"^Requires-Dist: *(.+)$", head, re.MULTILINE)
    if not head:
        texts = distribution.requires or []
    return [text for text in texts if "extra ==" not in text or " or " in text]


def _top_level(distribution: importlib.metadata.Distribution) -> set[str]:
    """Return the first path components of what the distribution installed."""
    record = distribution.read_text("RECORD") or ""
    # torch alone has fifteen thousand files, and few folders.
    heads = {line.partition("/")[0] for line in record.splitlines()}
    names = {head.partition(",")[0].strip('"') for head in heads}
    return {
        name for name in names if name not in ("", "..", "__pycache__") and "pth" not in name[-4:]
    }
