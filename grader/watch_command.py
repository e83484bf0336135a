"""What `grader watch` does: choose the file and the wall, take the terminal, and grade until it ends."""

from __future__ import annotations

import contextlib
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import SimpleQueue
from types import FrameType

import click

from grader import challenge as challenges
from grader import devices
from grader.challenge import Challenge
from grader.errors import UsageError
from grader.front import view_of
from grader.grade_command import WEAK_WARNING, changed_limits, machine_fault, user
from grader.grading import Attempt
from grader.keys import Keys
from grader.pool import Pool
from grader.starting import started_file
from grader.walls import choose
from grader.watch_loop import Loop, Pressed, Queue, Quit, Resized, Setting
from grader.watch_screen import Lines, Screen, Terminal, in_place
from leaderboard.score import Score, Walls
from leaderboard.store import Store


def run(
    challenge: Challenge | None,
    path: str | None,
    store: Store,
    *,
    team: str | None,
    device: str,
    verbose: bool,
    require_walls: Walls | None,
    timeout: float | None,
    memory: int | None,
    save: bool,
) -> Score | None:
    """Watch, grade and show until somebody ends it; returns the last verdict, if there was one."""
    challenge, file = _target(challenge, path)
    owner, where = team or user(), devices.resolve(device)
    wall = choose(require_walls)
    warning = WEAK_WARNING if wall.level == "weak" else ""
    screen, with_keys = _screen(warning, verbose)

    def attempt(one: Challenge) -> Attempt:
        return Attempt(one, owner, where, limits=changed_limits(one.limits, timeout, memory))

    keep = (lambda score: str(store.add(score))) if save else None
    setting = Setting(attempt, machine_fault, keep, warning, with_keys, view_of(store))
    queue: Queue = SimpleQueue()
    with (
        _signals(queue),
        Pool(1, wall) as pool,
        contextlib.closing(Loop(pool, screen, setting, queue)) as loop,
        # Innermost: the terminal is given back before the rest is closed, which may take a moment.
        _keys(queue, with_keys),
    ):
        return loop.run(challenge, file)


def _screen(warning: str, verbose: bool) -> tuple[Screen, bool]:
    """Return where to show verdicts, and whether keys can be read there."""
    if in_place(sys.stdout):
        return Terminal(sys.stdout, verbose), sys.stdin.isatty()
    if warning:
        click.echo(warning, err=True)
    return Lines(sys.stdout, sys.stderr, verbose), False


def _target(challenge: Challenge | None, path: str | None) -> tuple[Challenge, Path]:
    """Return what to watch: as told, else the file that `grader start` put into the current folder."""
    if challenge is None:
        challenge = _started_last()
    file = Path(path) if path is not None else started_file(challenge)
    if path is None and not file.exists():
        raise UsageError(
            f"There is no {file} here. `grader start {challenge.called}` makes it, "
            f"or name your file: grader watch {challenge.called} PATH"
        )
    if path == "-":
        raise UsageError("Standard input cannot be watched. Name a file or a folder.")
    if not file.absolute().parent.is_dir():
        raise UsageError(f"There is no folder {file.parent}, so nothing to watch in it.")
    return challenge, file


def _started_last() -> Challenge:
    """Return the challenge whose stub lies here; of several, the one that was written to last."""
    here = [one for one in challenges.all_challenges() if started_file(one).is_file()]
    if not here:
        raise UsageError(
            "No challenge was started in this folder. `grader start 01` starts the first, "
            "or name your file: grader watch ID PATH"
        )
    chosen = max(here, key=lambda one: started_file(one).stat().st_mtime_ns)
    if len(here) > 1:
        others = ", ".join(one.id for one in here if one is not chosen)
        file = started_file(chosen)
        click.echo(f"Watching {file}, changed last. Here is also: {others}.", err=True)
    return chosen


@contextlib.contextmanager
def _signals(queue: Queue) -> Iterator[None]:
    """Turn signals into happenings, as nothing else lets all end in order."""

    def end(number: int, frame: FrameType | None) -> None:
        queue.put(Quit())

    def resize(number: int, frame: FrameType | None) -> None:
        queue.put(Resized())

    with contextlib.ExitStack() as stack:
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            _handle(stack, name, end)
        _handle(stack, "SIGWINCH", resize)
        yield


@contextlib.contextmanager
def _keys(queue: Queue, wanted: bool) -> Iterator[None]:
    """Read keys, if there is a terminal to read them from."""
    if not wanted:
        yield
        return
    with Keys(sys.stdin.fileno(), lambda key: queue.put(Pressed(key))) as keys:

        def resume(number: int, frame: FrameType | None) -> None:
            keys.resume()
            queue.put(Resized())

        with contextlib.ExitStack() as stack:
            _handle(stack, "SIGCONT", resume)
            yield


def _handle(
    stack: contextlib.ExitStack, name: str, handler: Callable[[int, FrameType | None], None]
) -> None:
    """Handle a signal until the stack is left, where the system has it and nobody has it ignored."""
    number = getattr(signal, name, None)
    if number is None or signal.getsignal(number) is signal.SIG_IGN:
        return
    stack.callback(signal.signal, number, signal.signal(number, handler))
