"""What `grader doctor` tries behind each wall. Stands in the place of the worker's server; stdlib only.

Each attempt either does what no hand-in may do, or raises. What is attempted must really be there to
be had: the targets are made by the doctor, and told in a file beside the hand-in.
"""

from __future__ import annotations

import ctypes
import json
import os
import platform
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

PTRACE_TRACEME = 0
PR_CAPBSET_READ = 23
CLONE_NEWUSER = 0x10000000
TITLES = {
    "home": "read a file in your home folder",
    "kit": "read the kit's specs",
    "temporary": "read your temporary files",
    "environment": "read your environment",
    "processes": "see your processes",
    "signal": "end one of your processes",
    "machine": "learn your machine's name",
    "network": "connect to this machine",
    "code": "change Python's library",
    "privileges": "hold or win privileges",
    "calls": "trace another process",
}


def serve(reader: int, writer: int, hand_in: Path, *_: Any) -> None:
    """Try everything, and write which attempts were stopped, as JSON: {name: bool}."""
    targets = json.loads((hand_in.parent / "targets.json").read_text())
    stopped = {name: _is_stopped(act, targets) for name, act in ATTEMPTS.items()}
    os.write(writer, json.dumps(stopped).encode())


def _is_stopped(act: Callable[[dict[str, Any]], None], targets: dict[str, Any]) -> bool:
    try:
        act(targets)
    except (OSError, ValueError):
        return True
    return False


def _read(name: str) -> Callable[[dict[str, Any]], None]:
    def read(targets: dict[str, Any]) -> None:
        Path(targets[name]).read_bytes()

    return read


def _environment(targets: dict[str, Any]) -> None:
    Path(f"/proc/{targets['supervisor']}/environ").read_bytes()


def _processes(targets: dict[str, Any]) -> None:
    Path(f"/proc/{targets['process']}/cmdline").read_bytes()


def _signal(targets: dict[str, Any]) -> None:
    os.kill(targets["process"], signal.SIGKILL)


def _network(targets: dict[str, Any]) -> None:
    socket.create_connection(("127.0.0.1", targets["port"]), 2).close()


def _machine(targets: dict[str, Any]) -> None:
    if platform.node() != targets["machine"]:
        raise ValueError("the name of another machine, or none")


def _code(_: dict[str, Any]) -> None:
    path = Path(os.__file__).parent / f"added_by_doctor_{os.getpid()}.py"
    path.write_text("")
    path.unlink()


def _privileges(_: dict[str, Any]) -> None:
    held = Path("/proc/self/status").read_text().partition("CapEff:")[2].split()[0]
    libc = ctypes.CDLL(None, use_errno=True)
    if int(held, 16) == 0 and libc.unshare(CLONE_NEWUSER) != 0:
        raise OSError(ctypes.get_errno(), "no privileges, and no namespace to have some in")


def _calls(_: dict[str, Any]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(PTRACE_TRACEME, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "refused")


ATTEMPTS: dict[str, Callable[[dict[str, Any]], None]] = {
    "home": _read("home"),
    "kit": _read("kit"),
    "temporary": _read("temporary"),
    "environment": _environment,
    "processes": _processes,
    "network": _network,
    "machine": _machine,
    "code": _code,
    "privileges": _privileges,
    "calls": _calls,
    # Last, because the process that it ends is a target of others.
    "signal": _signal,
}
