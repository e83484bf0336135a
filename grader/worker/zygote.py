"""A warm worker: it has imported torch, and forks a child for each hand-in, in one process namespace.

It never runs a hand-in or an operator of torch itself, so it has no threads, and what it has read is what
it was started with. The supervisor sends orders over a Unix socket; with each comes the child's own
channel, and the pipe for its prints. When a child is done with, everything else in the namespace is
killed and the temporary folders are emptied; then this process looks at itself and says whether it is
still as it was at the start. The supervisor looks as well, and trusts neither a silence nor a doubt.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import resource
import shutil
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

MAX_ORDER = 1 << 16
PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
SCRATCH_FOLDERS = ("/tmp", "/dev/shm")
PATIENCE_S = 5.0
LIMITS = (
    resource.RLIMIT_AS,
    resource.RLIMIT_CORE,
    resource.RLIMIT_CPU,
    resource.RLIMIT_DATA,
    resource.RLIMIT_FSIZE,
    resource.RLIMIT_NOFILE,
    resource.RLIMIT_NPROC,
    resource.RLIMIT_STACK,
)


def serve(control: int, hand_ins: Path, namespace: str) -> NoReturn:
    """Take orders from the socket `control` until its other end is closed.

    `hand_ins`: the folder in which each order names one. `namespace`: of the processes of whoever started
    us; ours must be another one, or a sweep would end every process of the machine.
    """
    if str(Path("/proc/self/ns/pid").readlink()) == namespace:
        raise RuntimeError("a warm worker needs a process namespace of its own")
    libc = ctypes.CDLL(None, use_errno=True)
    # A child has our number: only this keeps our memory out of its reach.
    libc.prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
        with contextlib.suppress(OSError, ValueError):
            signal.signal(number, signal.SIG_IGN)
    import torch  # noqa: F401

    with socket.socket(fileno=control) as orders:
        _Zygote(orders, hand_ins, libc).run()
    os._exit(0)


class _Zygote:
    def __init__(self, orders: socket.socket, hand_ins: Path, libc: ctypes.CDLL) -> None:
        self._orders = orders
        self._hand_ins = hand_ins
        self._libc = libc
        self._child = 0
        # What children read of our heap stays shared with us: no collection touches it any more.
        gc.collect()
        gc.freeze()
        self._at_first = _state(orders)

    def run(self) -> None:
        """Answer orders, one at a time."""
        self._say({"ready": os.getpid()})
        while True:
            data, descriptors, _, _ = socket.recv_fds(self._orders, MAX_ORDER, 4)
            if not data:
                return
            order = json.loads(data)
            if order["do"] == "import":
                self._import(order["names"])
            elif order["do"] == "start":
                self._start(order, descriptors)
            else:
                self._sweep()

    def _say(self, message: dict[str, Any]) -> None:
        self._orders.sendall(json.dumps(message).encode())

    def _import(self, names: list[str]) -> None:
        """Import what hand-ins would import one by one; what fails here fails there as well."""
        for name in names:
            if name not in sys.modules:
                with contextlib.suppress(Exception):
                    importlib.import_module(name)
        # Some of torch's modules make folders as soon as they are imported.
        _empty_scratch()
        gc.collect()
        gc.freeze()
        self._at_first = _state(self._orders)
        self._say({"imported": len(sys.modules)})

    def _start(self, order: dict[str, Any], descriptors: list[int]) -> None:
        self._child = os.fork()
        if self._child == 0:
            _become_worker(order, descriptors, self._orders, self._hand_ins, self._libc)
        for descriptor in descriptors:
            os.close(descriptor)
        self._say({"started": self._child})

    def _sweep(self) -> None:
        """End everything else here, empty the temporary folders, and say whether nothing is left."""
        status = _end_all_others(self._child)
        self._child = 0
        _empty_scratch()
        problem = _difference(self._at_first, _state(self._orders))
        self._say({"swept": problem, "status": status})


def _become_worker(
    order: dict[str, Any],
    descriptors: list[int],
    orders: socket.socket,
    hand_ins: Path,
    libc: ctypes.CDLL,
) -> NoReturn:
    """In the child: its own channel, prints, session and limits; then what every worker does."""
    try:
        orders.close()
        os.setsid()
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)
        # Python itself ignores these two.
        kept = {signal.SIGKILL, signal.SIGSTOP, signal.SIGPIPE, signal.SIGXFSZ}
        for number in signal.valid_signals() - kept:
            with contextlib.suppress(OSError, ValueError):
                signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        reader, writer, prints, *told = descriptors
        os.dup2(prints, 1)
        os.dup2(prints, 2)
        os.close(prints)
        seconds = int(order["cpu_s"]) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        from . import process

        process.serve(
            reader,
            writer,
            hand_ins / order["folder"] / "submission.py",
            hand_ins / order["rig"] if order["rig"] else None,
            order["shown_name"],
            at_end=lambda: _tell_modules(told),
        )
    finally:
        os._exit(1)


def _tell_modules(told: list[int]) -> None:
    """Write which modules were imported: asked for only where the hand-in is the kit's own."""
    for descriptor in told:
        with os.fdopen(descriptor, "w") as file:
            json.dump(sorted(sys.modules), file)


def _end_all_others(child: int) -> int:
    """Kill all processes of this namespace but its first and this one; return how the child ended."""
    status = 0
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with contextlib.suppress(ProcessLookupError):
            # Only ever reached in a namespace of its own: see `serve`.
            os.kill(-1, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == child:
                    status = ended[1]
        if not list(_others()) or time.monotonic() > deadline:
            return status
        time.sleep(0.001)


def _others() -> Iterator[int]:
    own = os.getpid()
    for path in Path("/proc").iterdir():
        if path.name.isdigit() and int(path.name) not in (1, own):
            yield int(path.name)


def _empty_scratch() -> None:
    for folder in map(Path, SCRATCH_FOLDERS):
        folder.chmod(0o755)
        for path in folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, onerror=_try_again)
            else:
                path.unlink()


def _try_again(function: Any, path: str, _: Any) -> None:
    """Give back the rights that a hand-in took away, and remove what stood in the way."""
    with contextlib.suppress(OSError):
        Path(path).parent.chmod(0o700)
        Path(path).chmod(0o700)
        function(path)


def _state(orders: socket.socket) -> dict[str, Any]:
    """What a hand-in could have changed of this process or have left beside it."""
    policy = os.sched_getscheduler(0)
    return {
        "processes": sorted(_others()),
        "threads": len([*Path("/proc/self/task").iterdir()]),
        "descriptors": sorted(_descriptors()),
        "files": [_files(folder) for folder in SCRATCH_FOLDERS],
        "limits": [resource.getrlimit(kind) for kind in LIMITS],
        "rank": [os.getpriority(os.PRIO_PROCESS, 0), policy],
        "processors": sorted(os.sched_getaffinity(0)),
        "modules": len(sys.modules),
        "session": [os.getsid(0), os.getpgid(0), str(Path.cwd())],
        "control": orders.getblocking(),
    }


def _descriptors() -> Iterator[int]:
    """Yield the open ones. The list of them also holds the one that it was read with."""
    for path in [*Path("/proc/self/fd").iterdir()]:
        with contextlib.suppress(OSError):
            os.fstat(int(path.name))
            yield int(path.name)


def _files(folder: str) -> int:
    state = os.statvfs(folder)
    return state.f_files - state.f_ffree


def _difference(before: dict[str, Any], now: dict[str, Any]) -> str | None:
    for name, value in before.items():
        if now[name] != value:
            return name
    return None
