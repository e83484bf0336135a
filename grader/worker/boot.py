"""First code of the worker process: private descriptors, limits, import path; then it serves.

Started as a script inside the walls: ``python -I -S -B boot.py <settings as JSON>``. The channel to
the judge is what the process was started with as standard input and output. Both are moved to
private descriptors before any code of the hand-in runs; from then on standard input is empty and
standard output goes where standard error goes.
"""

import base64
import ctypes
import importlib.util
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_SECCOMP = 22
SECCOMP_MODE_FILTER = 2


def main() -> None:
    """Set up the process and serve until the judge closes the channel."""
    settings = json.loads(sys.argv[1])
    sys.argv[:] = ["submission.py"]
    reader, writer = _private_channel()
    # A warm worker's children have the limit of processor time, each for itself.
    _limit(settings["limits"], of_cpu=settings["warm_outside"] is None)
    _package(Path(__file__).parent)
    if sys.platform == "linux":
        _confine(settings["call_filter"], settings["confinement"])
    hand_in = Path(settings["submission"])
    sys.path.extend(settings["site"])
    if settings["warm_outside"]:
        from kit_worker import zygote  # type: ignore[import-not-found]

        os.close(writer)
        zygote.serve(reader, hand_in.parent, settings["warm_outside"])
    from kit_worker import process

    rig = settings["rig"]
    process.serve(reader, writer, hand_in, Path(rig) if rig else None, settings["shown_name"])


def _private_channel() -> tuple[int, int]:
    reader, writer = os.dup(0), os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.close(nowhere)
    os.dup2(2, 1)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 - for the whole life
    # Line by line: prints that a killed hand-in made are still shown.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(  # type: ignore[union-attr]
            line_buffering=True, errors="backslashreplace"
        )
    return reader, writer


def _limit(limits: dict[str, int], of_cpu: bool) -> None:
    """Lower the process limits where the platform has them; a later raise is refused."""
    try:
        import resource
    except ImportError:
        return
    wanted = {
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: limits["open_files"],
        resource.RLIMIT_FSIZE: limits["file_mb"] << 20,
    }
    if of_cpu:
        # One second more than the watchdog allows: it gives the better message.
        wanted[resource.RLIMIT_CPU] = int(limits["cpu_s"]) + 1
    for kind, value in wanted.items():
        _, hard = resource.getrlimit(kind)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))


def _confine(call_filter: str | None, confinement: dict[str, Any] | None) -> None:
    """End with the process above, hold no privileges even where root grades, give up files and calls.

    `confinement`: the arguments of `landlock.confine`, `call_filter`: a seccomp program in base64.
    """
    from kit_worker import landlock, privileges

    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    privileges.drop(libc)
    if confinement:
        landlock.confine(**confinement)
    if call_filter:
        _filter_calls(libc, call_filter)


def _filter_calls(libc: ctypes.CDLL, program: str) -> None:
    """Install a seccomp program where the wall could not: for good, and for all children."""
    code = base64.b64decode(program)
    # struct sock_fprog: the number of instructions of 8 bytes, and their address.
    filter_code = ctypes.create_string_buffer(code, len(code))

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_void_p))

    told = Program(len(code) // 8, ctypes.addressof(filter_code))
    if libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(told), 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "the system call filter was refused")


def _package(folder: Path) -> None:
    """Import this folder as the package `kit_worker`, without an entry in sys.path."""
    spec = importlib.util.spec_from_file_location(
        "kit_worker", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None and spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules["kit_worker"] = package
    spec.loader.exec_module(package)


if __name__ == "__main__":
    main()
