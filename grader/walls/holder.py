"""Holds one walled worker: starts it inside sandlock, ends with it, and takes everything with it.

Started as a script: ``python -I -S -B holder.py <descriptor> <parent>``. The file behind the descriptor
has, as JSON, the folder to import sandlock from, the options of its sandbox, and the command to run.

sandlock supervises system calls from the process that starts the sandbox, so there is one process like
this for each worker. It is also the parent that orphans of the hand-in come back to, and out of the
reach of the hand-in's signals (Landlock's scope).
"""

import contextlib
import ctypes
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
CANNOT_START = 125


def main() -> None:
    """Start the command, wait for its end, end its descendants, and exit as it did."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    signal.signal(signal.SIGTERM, lambda *_: _leave(128 + signal.SIGTERM))
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != int(sys.argv[2]):
        os._exit(CANNOT_START)
    with os.fdopen(int(sys.argv[1]), "rb") as file:
        told = json.load(file)
    sys.path += [str(Path(__file__).parents[2]), told["site"]]
    import sandlock

    from grader.worker import privileges

    privileges.drop(libc)

    try:
        process = sandlock.Sandbox(**told["options"]).popen(told["command"])
    except (RuntimeError, sandlock.SandlockError) as error:
        sys.stderr.write(f"sandlock: {error}\n")
        os._exit(CANNOT_START)
    # The worker alone holds its streams: whoever reads them sees its end.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    # In a thread, because this wait is not interrupted by signals and the main thread's sleep is.
    threading.Thread(target=lambda: _leave(_exit_code(process.wait())), daemon=True).start()
    while True:
        _reap_orphans(process.pid)
        time.sleep(0.2)


def _reap_orphans(worker: int) -> None:
    for child in _children():
        if child != worker:
            with contextlib.suppress(OSError):
                os.waitpid(child, os.WNOHANG)


def _exit_code(result: object) -> int:
    number = int(getattr(result, "signal", -1))
    code = int(getattr(result, "exit_code", -1))
    if number <= 0 and code < 0:
        # sandlock has no number for the kill that cannot be caught.
        number = signal.SIGKILL
    return 128 + number if number > 0 else code


def _leave(code: int) -> None:
    """End every descendant, then this process. What loses its parent becomes a child of this one."""
    while children := _children():
        for child in children:
            with contextlib.suppress(OSError):
                os.kill(child, signal.SIGKILL)
        with contextlib.suppress(OSError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        time.sleep(0.001)
    os._exit(code)


def _children() -> list[int]:
    found: list[int] = []
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            found += map(int, (thread / "children").read_text().split())
    return found


if __name__ == "__main__":
    main()
