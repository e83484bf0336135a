"""The commands that would give this machine a stronger wall."""

from __future__ import annotations

import contextlib
import shutil
import sys
from pathlib import Path
from typing import Final

# By ID or ID_LIKE of /etc/os-release (freedesktop.org, os-release(5)).
INSTALL: Final = {
    "debian": "sudo apt install bubblewrap",
    "ubuntu": "sudo apt install bubblewrap",
    "fedora": "sudo dnf install bubblewrap",
    "rhel": "sudo dnf install bubblewrap",
    "arch": "sudo pacman -S bubblewrap",
    "alpine": "sudo apk add bubblewrap",
    "suse": "sudo zypper install bubblewrap",
}
# Settings that refuse user namespaces: the file, the value that refuses, what to do.
REFUSALS: Final = (
    (
        "kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "allow bwrap its namespaces (AppArmor, Ubuntu 23.10 and newer): put the profile of "
        "docs/walls.md into /etc/apparmor.d/bwrap, then sudo systemctl reload apparmor; or, for "
        "all programs: sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    (
        "kernel/unprivileged_userns_clone",
        "0",
        "allow user namespaces: sudo sysctl -w kernel.unprivileged_userns_clone=1",
    ),
    (
        "user/max_user_namespaces",
        "0",
        "allow user namespaces: sudo sysctl -w user.max_user_namespaces=10000",
    ),
)
IN_CONTAINER: Final = (
    "in a container: docker run --security-opt seccomp=unconfined --security-opt apparmor=unconfined "
    "--security-opt systempaths=unconfined"
)


def for_this_machine(settings: Path = Path("/proc/sys"), root: Path = Path("/")) -> tuple[str, ...]:
    """Return what to do for a stronger wall, the likeliest first; empty if nothing is known."""
    if sys.platform != "linux":
        return ("grade on Linux, or in a Linux container or virtual machine",)
    found = [words for name, value, words in REFUSALS if _reads(settings / name) == value]
    if shutil.which("bwrap") is None and (command := _install_command(root)):
        found.append(command)
    if (root / ".dockerenv").exists() or (root / "run/.containerenv").exists():
        found.insert(0, IN_CONTAINER)
    return tuple(found)


def _install_command(root: Path) -> str | None:
    values = {}
    for line in _reads(root / "etc/os-release").splitlines():
        name, _, value = line.partition("=")
        values[name] = value.strip('"')
    for name in [values.get("ID", ""), *values.get("ID_LIKE", "").split()]:
        if name in INSTALL:
            return INSTALL[name]
    return None


def _reads(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text().strip()
    return ""
