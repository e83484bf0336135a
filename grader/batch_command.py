"""What `grader batch` does: make the plan, show how far it is, save as it goes, sum up."""

from __future__ import annotations

import contextlib
import functools
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from grader import batch, devices, errors, sweeping
from grader.challenge import Challenge
from grader.entries import LAYOUT, Names, Skipped, collect, entries_of
from grader.errors import GraderFault, UsageError
from grader.grade_command import WEAK_WARNING, changed_limits, checked_seed
from grader.planning import HandIn, Mode, Plan, Records, plan, read
from grader.signatures import vouched_for
from grader.summary import UNGRADABLE, Summary, check_format, planned, skipped_lines, table
from grader.walls import choose
from leaderboard.score import Walls
from leaderboard.store import Problem, Store, StoredScore
from leaderboard.text import printable

PLAIN_EVERY_S: Final = 30.0
PLAIN_STEPS: Final = 10
GO_ON: Final[dict[Mode, str]] = {
    "new": "The same command with --resume goes on from here.",
    "resume": "The same command goes on from here.",
    "regrade": "The same command begins anew; whoever was not graded again keeps the scores from before.",
}


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says; the names are those of its options."""

    challenge: Challenge | None
    jobs: str
    device: str
    seed: str | None
    resume: bool
    regrade: bool
    fail_fast: bool
    dry_run: bool
    as_json: bool
    fmt: str
    require_walls: Walls | None
    timeout: float | None
    memory: int | None

    @property
    def mode(self) -> Mode:
        """What to do about scores that there are already."""
        if self.resume and self.regrade:
            raise UsageError("--resume and --regrade exclude each other.")
        return "resume" if self.resume else "regrade" if self.regrade else "new"


def run(sources: Sequence[Path], store: Store, options: Options) -> int:
    """Grade all that is in the sources; returns the exit code."""
    check_format(options.fmt)
    checked_seed(options.seed)
    began, names = datetime.now(UTC), Names(options.challenge)
    try:
        with sweeping.workspace() as workspace:
            skipped: list[Skipped] = []
            found = collect(sources, names, workspace)
            hand_ins = [read(entry) for entry in entries_of(found, skipped)]
            if not hand_ins:
                raise UsageError("\n".join(["There is nothing to grade.", *_why(skipped)]))
            return _carried_out(hand_ins, skipped, store, options, began)
    except KeyboardInterrupt:
        # While it was planned, or for the second time.
        _say(f"Interrupted. What had a score by then is in {store.path}.")
        return errors.EXIT_INTERRUPTED
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise GraderFault(
            f"This machine could not go on: {error.strerror or error}{where}. "
            "What has a score is in the store; --resume does the rest."
        ) from error


def _why(skipped: list[Skipped]) -> list[str]:
    return skipped_lines(skipped) or [LAYOUT]


def _carried_out(
    hand_ins: list[HandIn],
    skipped: list[Skipped],
    store: Store,
    options: Options,
    began: datetime,
) -> int:
    conditions = _conditions(hand_ins, options, began)
    records = Records(hand_ins, _readable(store))
    lend = functools.partial(batch.lender, conditions.terms)
    made = plan(hand_ins, skipped, records, options.mode, lend)
    if options.dry_run:
        _print_plan(made, conditions.slots, options)
        return errors.EXIT_PASSED
    store.sweep()
    for line in skipped_lines(skipped):
        _say(f"warning: {line}")
    _warn(conditions, made)
    summary = Summary(made)
    interrupted = _graded(made, conditions, store, summary, options.fail_fast)
    _print_summary(summary, options)
    if interrupted:
        _say(f"Interrupted. {summary.recorded} new scores are in {store.path}.")
        _say(GO_ON[options.mode])
        return errors.EXIT_INTERRUPTED
    return summary.exit_code


def _conditions(hand_ins: Sequence[HandIn], options: Options, began: datetime) -> batch.Conditions:
    challenges = {one.entry.challenge.id: one.entry.challenge for one in hand_ins}
    available = batch.cores()
    slots = batch.slots(slots_wanted(options.jobs), list(challenges.values()), available)
    limits = {
        key: changed_limits(
            batch.threads(one.limits, slots, available), options.timeout, options.memory
        )
        for key, one in challenges.items()
    }
    wall = choose(None if options.dry_run else options.require_walls)
    device = devices.resolve(options.device)
    return batch.Conditions(slots, device, options.seed, limits, wall, began)


def slots_wanted(jobs: str) -> int | None:
    """Return the number of slots that -j asks for, None for auto; raises UsageError."""
    if jobs == "auto":
        return None
    if not jobs.isdecimal() or int(jobs) < 1:
        raise UsageError(f"-j takes a number of slots or auto, not {jobs!r}.")
    return int(jobs)


def _readable(store: Store) -> Iterator[StoredScore]:
    for one in store.each():
        if isinstance(one, Problem):
            _say(f"skipped {one}")
        elif not vouched_for(one.score):
            _say(f"skipped {one.path}: not signed with this key")
        else:
            yield one


def _warn(conditions: batch.Conditions, made: Plan) -> None:
    if conditions.wall.level == "weak" and made.challenges:
        click.echo(WEAK_WARNING, err=True)
    for one in made.challenges:
        warn_of_few_threads(one, conditions.limits[one.id].threads)


def warn_of_few_threads(challenge: Challenge, given: int) -> None:
    """Tell where a challenge that trains against the clock gets fewer threads than it asks for."""
    asked = challenge.limits.threads
    if challenge.train is not None and given < asked:
        _say(
            f"warning: {challenge.id} trains against the clock with {asked} threads, and gets {given} "
            "here: its results will be worse than with fewer slots."
        )


def _graded(
    made: Plan, conditions: batch.Conditions, store: Store, summary: Summary, fail_fast: bool
) -> bool:
    """Run the batch to its end or its stop; returns whether it was interrupted."""
    halt = threading.Event()
    jobs = sum(job.is_graded for job in made.jobs)
    with _interruptible(halt) as interrupted, _shown(summary, jobs) as show:
        for event in batch.run(made, conditions, store, halt):
            if isinstance(event, batch.Faulted):
                for hand_in in event.job.hand_ins:
                    summary.add_fault(hand_in, event.message)
            else:
                score = event.score
                numbers = score.status, score.passed, score.score, score.usage.wall_s
                summary.add(event.hand_in, *numbers)
                if fail_fast and not score.passed:
                    halt.set()
            show(event)
    return interrupted.is_set()


@contextlib.contextmanager
def _interruptible(halt: threading.Event) -> Iterator[threading.Event]:
    """The first Ctrl-C halts the batch in order, between two records; the second one ends it as ever."""
    interrupted = threading.Event()

    def on_interrupt(number: int, frame: object) -> None:
        interrupted.set()
        halt.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)


# How far it is.

Show = Callable[[batch.Event], None]


@contextlib.contextmanager
def _shown(summary: Summary, jobs: int) -> Iterator[Show]:
    pace = _Pace(summary, jobs)
    if not sys.stderr.isatty():
        yield _Plain(pace).show
        return
    columns = [TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn()]
    console = Console(stderr=True, highlight=False)
    with Progress(*columns, TextColumn("{task.fields[pace]}"), console=console) as progress:
        task = progress.add_task("grading", total=summary.total, completed=pace.done, pace="")

        def show(event: batch.Event) -> None:
            pace.note(event)
            progress.update(task, completed=pace.done, pace=pace.text())

        yield show


class _Pace:
    """How fast it goes, by the gradings so far: what is recorded without one takes no time."""

    def __init__(self, summary: Summary, jobs: int) -> None:
        self.summary = summary
        self._jobs = jobs
        self._ended = 0
        self._began = time.monotonic()

    @property
    def done(self) -> int:
        """Hand-ins that are done with."""
        return self.summary.already + self.summary.recorded + len(self.summary.faults)

    def note(self, event: batch.Event) -> None:
        """Count a grading that has ended."""
        self._ended += isinstance(event, batch.Faulted) or event.way == "graded"

    def text(self) -> str:
        """Return rate, time left and counts."""
        elapsed = time.monotonic() - self._began
        counts = [("passed", "passed"), ("not_passed", "not passed")]
        counts += [(status, status.replace("_", " ")) for status in UNGRADABLE]
        told = [(self.summary.count(key), words) for key, words in counts]
        told.append((len(self.summary.faults), "no score"))
        parts = [f"{number} {words}" for number, words in told if number]
        if self._ended and elapsed > 0:
            left = (self._jobs - self._ended) * elapsed / self._ended
            rate = 60 * self.summary.recorded / elapsed
            parts = [f"{rate:.0f}/min", f"{_duration(left)} left", *parts]
        return " · ".join(parts)


class _Plain:
    """Lines for a pipe: one for each tenth, and one now and then."""

    def __init__(self, pace: _Pace) -> None:
        self._pace = pace
        self._step = pace.done * PLAIN_STEPS // pace.summary.total
        self._told = time.monotonic()

    def show(self, event: batch.Event) -> None:
        """Say how far it is, if that is worth a line."""
        self._pace.note(event)
        done, total = self._pace.done, self._pace.summary.total
        step, now = done * PLAIN_STEPS // total, time.monotonic()
        if step > self._step or now - self._told >= PLAIN_EVERY_S:
            self._step, self._told = step, now
            _say(f"{done}/{total}  {self._pace.text()}")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


# The answer.


def _print_summary(summary: Summary, options: Options) -> None:
    if options.as_json:
        click.echo(summary.as_json())
        return
    click.echo(summary.table(options.fmt))
    for line in summary.problems():
        # Beside a table for a program the list would be in the way.
        click.echo(line, err=options.fmt in ("json", "csv"))


def _print_plan(made: Plan, slots: int, options: Options) -> None:
    rows: list[dict[str, Any]] = planned(made)
    click.echo(table(rows, "json" if options.as_json else options.fmt))
    for line in skipped_lines(made.skipped):
        click.echo(line, err=options.as_json or options.fmt in ("json", "csv"))
    _say(f"Nothing was graded. {sum(row['to_grade'] for row in rows)} gradings in {slots} slots.")


def _say(text: str) -> None:
    click.echo(printable(text, multiline=True), err=True)
