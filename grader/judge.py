"""The trusted process that holds specs, solution, seeds and expected values: `python -m grader.judge`.

It is started with the worker's streams as standard input and output, and speaks to the supervisor on
what was standard error. Nothing that the worker sends can reach the supervisor except inside a verdict.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import msgspec

from grader import words
from grader.privacy import be_unreadable
from grader.verdict import Event, JudgeRequest, Verdict, encode_event
from grader.worker import wire
from leaderboard.score import Status

if TYPE_CHECKING:
    from grader.judging import RunSpecs


def main() -> NoReturn:
    """Judge one hand-in as the request file says, report, and end."""
    be_unreadable()
    reader, writer, report = _private_streams()
    path = Path(sys.argv[1])
    data = path.read_bytes()
    # Gone before the hand-in's code can run: that waits for our first message.
    path.unlink()
    judge(msgspec.json.decode(data, type=JudgeRequest), reader, writer, report)


def judge(
    request: JudgeRequest,
    reader: int,
    writer: int,
    report: int,
    run_specs: RunSpecs | None = None,
) -> NoReturn:
    """Judge over the channel `reader`, `writer`, say what comes of it on `report`, and end the process.

    `run_specs`: how, where that is not for judging to decide.
    """

    def send(event: Event) -> None:
        wire.write_all(report, encode_event(event))

    try:
        _judge(request, reader, writer, send, run_specs)
    except wire.EndOfStream:
        send_all(request, send, "crashed", "The hand-in's process ended before it could be asked.")
    except wire.WireError as error:
        message = f"The hand-in's process broke the protocol: {error}."
        send_all(request, send, "violation", message)
    except BaseException:
        send_all(request, send, "grader_fault", traceback.format_exc()[-4000:])
    # At once: there is nothing to clean up, and a thread may still be reading the channel.
    os._exit(0)


def _private_streams() -> tuple[int, int, int]:
    """Move the three standard streams out of reach of stray prints; return their new descriptors."""
    moved = os.dup(0), os.dup(1), os.dup(2)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    return moved


def _judge(
    request: JudgeRequest,
    reader: int,
    writer: int,
    send: Callable[[Event], None],
    run_specs: RunSpecs | None,
) -> None:
    for channel in (reader, *(request.second or ())[:1]):
        try:
            started = _next_message(channel)
        except wire.EndOfStream:
            # Nothing of the hand-in has been touched yet.
            send_all(request, send, "grader_fault", "The worker's process could not be started.")
            return
        message = _next_message(channel)
        if not isinstance(started, wire.Started) or not isinstance(message, wire.Ready):
            raise wire.WireError("the first messages on the channel are not those of a worker")
        if message.error is not None:
            send_all(request, send, "ungradable", words.does_not_compile(message.error))
            return
    if request.supervisor not in (None, os.getppid()):
        # Killed in the first moments: then nobody would watch the hand-in. None of it has run yet.
        return
    # Only now: a hand-in that does not compile is answered without torch's seconds.
    from grader.judging import judge_all

    judge_all(request, reader, writer, send, run_specs)


def _next_message(reader: int) -> wire.Reply:
    frame = wire.read_frame(lambda count: os.read(reader, count), wire.FrameLimits())
    return wire.decode_reply(frame.header)


def send_all(
    request: JudgeRequest, send: Callable[[Event], None], status: Status, message: str
) -> None:
    """Send the same end for every run of the request."""
    for _ in request.runs:
        send(Verdict(status, message[:4000], [], None, "", ""))


if __name__ == "__main__":
    main()
