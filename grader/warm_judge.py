"""A warm judge: it has imported torch, pytest and a challenge's specs, and forks a child for each hand-in.

`python -m grader.warm_judge <challenge folder>`, with a Unix socket as standard input over which the
supervisor sends its orders, each with the child's channel to the worker and its line for verdicts. What
torch and the specs import lazily is paid for by grading the worked solution against itself, in this
process. A child begins with exactly this state, whatever was graded before.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import msgspec

from grader import judge
from grader.privacy import be_unreadable
from grader.verdict import JudgeRequest

if TYPE_CHECKING:
    from grader.judging import RunSpecs

MAX_ORDER = 1 << 20


def main() -> NoReturn:
    """Warm up, then take orders until the supervisor closes the socket."""
    be_unreadable()
    control = os.dup(0)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    from grader import judging
    from grader.challenge import load

    challenge = load(Path(sys.argv[1]))
    judging.warm_up(challenge)
    with socket.socket(fileno=control) as orders:
        judging.with_specs_collected(challenge, lambda run_specs: _serve(orders, run_specs))
        # They cannot be. Each grading will say so, and why.
        _serve(orders, judging.run_specs_once)


def _serve(orders: socket.socket, run_specs: RunSpecs) -> NoReturn:
    """Take orders until the other end is closed."""
    gc.collect()
    # Shared with the children, page by page, until somebody writes to it: no collection does.
    gc.freeze()
    orders.sendall(b'{"ready": true}')
    child = 0
    while True:
        data, descriptors, _, _ = socket.recv_fds(orders, MAX_ORDER, 4)
        if child:
            # There is one at a time: the next order means that this one is done with.
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            child = 0
        if not data:
            os._exit(0)
        order = json.loads(data)
        if order["do"] == "judge":
            child = _start(orders, order, descriptors, run_specs)
        orders.sendall(json.dumps({"child": child}).encode())


def _start(
    orders: socket.socket,
    order: dict[str, Any],
    descriptors: list[int],
    run_specs: RunSpecs,
) -> int:
    child = os.fork()
    if child == 0:
        orders.close()
        request = msgspec.convert(order["request"], JudgeRequest)
        reader, writer, report = descriptors
        judge.judge(request, reader, writer, report, run_specs)
    for descriptor in descriptors:
        os.close(descriptor)
    return child


if __name__ == "__main__":
    main()
