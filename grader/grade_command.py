"""What `grader grade` does: find the hand-in, choose the wall, show progress, save, print."""

from __future__ import annotations

import getpass
import re
import sys
import tempfile

import click
import msgspec

from grader import devices
from grader.challenge import Challenge, Limits
from grader.errors import GraderFault, UsageError
from grader.following import ProgressLine
from grader.front import view_of
from grader.grading import Attempt, grade
from grader.starting import started_file
from grader.walls import Wall, choose
from leaderboard.errors import StoreWriteError
from leaderboard.score import Score, Walls, encode
from leaderboard.store import Store

WEAK_WARNING = (
    "warning: only the weak wall stands on this machine; `grader doctor` says what it lets through, "
    "and how to get a stronger one. Grade only code that you trust."
)


def run(
    challenge: Challenge,
    path: str | None,
    store: Store,
    *,
    team: str | None,
    device: str,
    seed: str | None,
    as_json: bool,
    verbose: bool,
    require_walls: Walls | None,
    timeout: float | None,
    memory: int | None,
    no_save: bool,
) -> Score:
    """Grade, save and print; returns the score as the event shows it."""
    view = view_of(store)
    source = path or _own_file(challenge)
    attempt = Attempt(
        challenge,
        team or user(),
        devices.resolve(device),
        checked_seed(seed),
        changed_limits(challenge.limits, timeout, memory),
    )
    wall = choose(require_walls)
    if wall.level == "weak":
        click.echo(WEAK_WARNING, err=True)
    score = _graded(source, attempt, wall)
    saved = None if no_save or score.status == "grader_fault" else _save(store, score)
    score = view(score)
    if as_json:
        click.echo(encode(score).decode(), nl=False)
    else:
        # Not for the commands that only share what stands below: this draws in the library for terminals.
        from grader import render

        render.score_table(score, render.console(), verbose, saved)
    return score


def _own_file(challenge: Challenge) -> str:
    path = started_file(challenge)
    if not path.exists():
        raise UsageError(
            f"There is no {path} here. `grader start {challenge.called}` makes it, "
            f"or name your file: grader grade {challenge.called} PATH"
        )
    return str(path)


def user() -> str:
    """Return whose score it is unless a team is named."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a number that has no name.
        return "me"


def checked_seed(seed: str | None) -> str | None:
    """Return the seed; raises UsageError where it is none."""
    if seed is not None and not re.fullmatch(r"[0-9a-f]{1,32}", seed):
        raise UsageError(f"--seed takes hexadecimal digits as a score has them, not {seed!r}.")
    return seed


def changed_limits(limits: Limits, timeout: float | None, memory: int | None) -> Limits:
    """Return the limits with other seconds for the whole grading and other MiB for the hand-in."""
    if timeout is not None:
        cpu_s = max(limits.cpu_s, timeout * limits.threads)
        limits = msgspec.structs.replace(limits, wall_s=timeout, cpu_s=cpu_s)
    if memory is not None:
        limits = msgspec.structs.replace(limits, memory_mb=memory)
    return limits


def _graded(source: str, attempt: Attempt, wall: Wall) -> Score:
    try:
        return _watched(source, attempt, wall)
    except OSError as error:
        raise machine_fault(error) from error


def machine_fault(error: OSError) -> GraderFault:
    """Return the fault that an error of the system is during a grading.

    Whatever the hand-in's own files lack is a score; what is left is this machine.
    """
    where = f" ({error.filename})" if error.filename else ""
    return GraderFault(
        f"This machine could not carry the grading out: {error.strerror or error}{where}. "
        f"Free some space in {tempfile.gettempdir()} or some processes, and run again."
    )


def _watched(source: str, attempt: Attempt, wall: Wall) -> Score:
    if not sys.stderr.isatty():
        return grade(source, attempt, wall)
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    talk = Console(stderr=True, highlight=False)
    with Live(Text("starting judge and worker …"), console=talk, transient=True) as live:
        view = ProgressLine(lambda line: live.update(Text(line)))
        return grade(source, attempt, wall, view)


def _save(store: Store, score: Score) -> str:
    try:
        return str(store.add(score))
    except StoreWriteError:
        # The record goes to standard output, so that it is not lost with the disk.
        record = encode(score).decode()
        try:
            click.echo(record, nl=False)
        except OSError:
            # Standard output was a file on that disk.
            click.echo(record, nl=False, err=True)
        raise
