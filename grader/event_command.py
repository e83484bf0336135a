"""`grader event`: a hack day from one laptop. `grader handout`: what those who take part get."""

from __future__ import annotations

import contextlib
import re
import signal
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from grader import challenge as challenges
from grader import errors
from grader.challenge import Challenge
from grader.errors import GraderFault, UsageError
from grader.front import say
from leaderboard.text import printable

if TYPE_CHECKING:
    from grader.challenge import Limits
    from grader.events.desk import Terms
    from grader.events.folder import EventFolder, Rules
    from grader.events.waiting import Arrival
    from leaderboard.score import Score, Walls

SIGNALS: Final = ("SIGINT", "SIGTERM", "SIGHUP")

challenges_option = click.option(
    "--challenges",
    "wanted",
    metavar="IDS",
    help="Numbers with commas between them, such as 01,04 [default: all].",
)
own_option = click.option(
    "--challenge",
    "own",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The folder of a challenge that the kit does not hold; may be repeated.",
)


@click.group()
def event() -> None:
    """Make the folder of an event, and grade what is handed in there.

    \b
    Example:
      grader event new hack-day --challenges 01,04 --teams roster.csv
      grader event run hack-day -j auto
    """


@event.command("new")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option("--title", default="Hack day", show_default=True)
@challenges_option
@own_option
@click.option(
    "--teams",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A CSV file with the columns team and, at will, member [default: whoever hands in].",
)
@click.option(
    "--opens", help="When it opens, such as 2026-11-28T09:00; here, unless a zone is given."
)
@click.option("--closes", help="When it closes.")
def new(
    folder: Path,
    title: str,
    wanted: str | None,
    own: tuple[Path, ...],
    teams: Path | None,
    opens: str | None,
    closes: str | None,
) -> None:
    """Make an event folder: rules, inbox, repository, store, and texts for everybody.

    \b
    Example:
      grader event new hack-day --challenges 01,04 --teams roster.csv --closes 2026-11-28T17:00
    """
    from grader.events import making
    from grader.events.folder import EventFolder

    made = EventFolder(folder)
    making.make(
        made,
        making.Wanted(
            title=printable(title),
            challenges=_chosen(wanted, own),
            teams=making.read_roster(teams) if teams else {},
            opens=making.moment(opens, "opens") if opens else None,
            closes=making.moment(closes, "closes") if closes else None,
            own=own,
        ),
    )
    if not made.repository.is_dir():
        say("git is not installed, so there is no repository; the shared folder works.")
    click.echo(f"{folder} is ready. What to do with it: {folder / 'README.md'}")


@event.command("run")
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=Path())
@click.option("-j", "--jobs", default="1", show_default=True, help="Slots side by side, or auto.")
@own_option
@click.option("--once", is_flag=True, help="End when all that is there has a score.")
@click.option(
    "--until-closed", is_flag=True, help="End when the event has closed and all is graded."
)
@click.option(
    "--quiet",
    type=click.FloatRange(min=0),
    default=2.0,
    show_default=True,
    help="Seconds that a file or branch must not have changed before it is taken.",
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option(
    "--require-walls",
    type=click.Choice(["strong", "medium", "weak"]),
    help="Refuse to grade behind anything weaker.",
)
@click.option("--timeout", type=click.FloatRange(min=1), help="Seconds for a whole grading.")
@click.option("--memory", type=click.IntRange(min=256), help="MiB for a hand-in.")
def run(folder: Path, **options: Any) -> None:
    """Grade what is handed in, in inbox and repository, until Ctrl-C.

    A line for each verdict on standard output. The same command goes on where it was stopped or killed.
    Exit code: 0, 2 wrong usage, 4 hand-ins are left without a score by our fault.

    \b
    Example:
      grader event run hack-day -j auto
      grader event run hack-day --until-closed
    """
    from grader.events.folder import EventFolder

    own = [_own(path) for path in options.pop("own")]
    try:
        code = _run(EventFolder(folder), own, **options)
    except KeyboardInterrupt:
        say("Interrupted. Nothing is lost: the same command goes on from here.")
        code = errors.EXIT_INTERRUPTED
    except OSError as error:
        where = f" ({error.filename})" if error.filename else ""
        raise GraderFault(
            f"This machine could not go on: {error.strerror or error}{where}. "
            "Nothing is lost: the same command goes on from here."
        ) from error
    raise SystemExit(code)


@event.command("hand-ins")
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path), default=Path())
@own_option
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path),
    help="The folder to be made.",
)
def hand_ins(folder: Path, own: tuple[Path, ...], out: Path) -> None:
    """Write what was handed in and has a score as plain files, with manifests for `grader batch`.

    \b
    Example:
      grader event hand-ins hack-day --out hand-ins
      grader batch hand-ins/04_causal_attention/hand-ins.csv --resume --store hack-day/scores
    """
    from grader.events.folder import EventFolder, plural, read_rules
    from grader.events.writing_out import write_out

    made = EventFolder(folder)
    made.check()
    written = write_out(made, read_rules(made, [_own(path) for path in own]), out)
    for reason in written.left_out:
        say(f"left out: {reason}")
    click.echo(f"{out} holds {plural(written.hand_ins, 'hand-in')}.")


@click.command()
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The zip file; one that is there is replaced.",
)
@challenges_option
@own_option
def handout(out: Path, wanted: str | None, own: tuple[Path, ...]) -> None:
    """Pack what those who take part get: briefs, stubs, and a check of the briefs' examples.

    No spec and no solution is in it. The same kit gives the same bytes.

    \b
    Example:
      grader handout --out kit.zip
      grader handout --challenges 01,04 --out kit.zip
    """
    from grader import handout as packing

    contents = packing.files(_chosen(wanted, own) or challenges.all_challenges(), {})
    packing.write(out, packing.archive(contents))
    click.echo(f"{out} holds {len(contents)} files.")


def _chosen(wanted: str | None, own: tuple[Path, ...]) -> list[Challenge]:
    """The challenges of a list of numbers, and those of the folders."""
    keys = [key for key in re.split(r"[,\s]+", wanted or "") if key]
    found = [challenges.find(key) for key in keys] + [_own(path) for path in own]
    return list({one.id: one for one in found}.values())


def _own(path: Path) -> Challenge:
    if not (path / "challenge.toml").is_file():
        raise UsageError(f"{path} is no folder of a challenge: it holds no challenge.toml.")
    return challenges.load(path.resolve())


def _run(
    folder: EventFolder,
    own: Sequence[Challenge],
    *,
    jobs: str,
    once: bool,
    until_closed: bool,
    quiet: float,
    require_walls: Walls | None,
    **grading: Any,
) -> int:
    from grader import batch
    from grader.batch_command import slots_wanted, warn_of_few_threads
    from grader.events.benches import Benches
    from grader.events.folder import read_rules
    from grader.events.paging import Paging, page_builder
    from grader.events.running import Plan, Run
    from grader.walls import choose

    folder.check()
    rules = read_rules(folder, own)
    slots = batch.slots(slots_wanted(jobs), list(rules.challenges.values()), batch.cores())
    wall, halt, terms = choose(require_walls), threading.Event(), _terms(slots, **grading)
    voice = Voice()
    with folder.alone(), _halted_by_signals(halt):
        _greet(folder, slots, wall.level)
        for one in rules.challenges.values():
            warn_of_few_threads(one, terms.limits(one).threads)
        paging = Paging(page_builder(folder), voice.say)
        plan = Plan(own, once, until_closed, quiet)
        running = Run(folder, rules, plan, terms, Benches(slots, wall, halt), paging, voice)
        running.run(halt)
        return _ended(folder, running.desk.faults)


def _terms(slots: int, device: str, timeout: float | None, memory: int | None) -> Terms:
    from grader import batch, devices
    from grader.events.desk import Terms
    from grader.grade_command import changed_limits

    def limits(one: Challenge) -> Limits:
        return changed_limits(batch.threads(one.limits, slots, batch.cores()), timeout, memory)

    return Terms(devices.resolve(device), limits)


def _greet(folder: EventFolder, slots: int, level: Walls) -> None:
    from grader.grade_command import WEAK_WARNING

    if level == "weak":
        say(WEAK_WARNING)
    say(f"Looking at {folder.inbox} and {folder.repository}, {slots} at a time. Ctrl-C ends.")


class Voice:
    """Verdicts on standard output, one a line; the talk on standard error.

    Where they cannot be written, on a full disk for instance, the event goes on in silence.
    """

    def say(self, text: str) -> None:
        """Tell the organiser something."""
        with contextlib.suppress(OSError):
            say(text)

    def verdict(self, score: Score, arrival: Arrival, rules: Rules) -> None:
        """Tell of a score."""
        from grader.events.folder import local
        from leaderboard.reveal import seen_score

        score = seen_score(score, rules.event)
        words = [f"{score.score}/{score.max_score}" if score.status == "graded" else score.status]
        if score.passed:
            words.append("passed")
        if not rules.roster.lists(score.team):
            words.append("guest")
        if rules.event.opens is not None and arrival.arrived < rules.event.opens:
            words.append("early")
        if rules.event.closes is not None and arrival.arrived >= rules.event.closes:
            words.append("late")
        line = f"{local(arrival.arrived)}  {score.team}  {score.challenge.id}  {', '.join(words)}"
        with contextlib.suppress(OSError):
            click.echo(printable(line))


@contextlib.contextmanager
def _halted_by_signals(halt: threading.Event) -> Iterator[None]:
    """The first signal halts the run in order; a second Ctrl-C ends it as ever."""

    def on_signal(number: int, frame: object) -> None:
        halt.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)

    numbers = [getattr(signal, name) for name in SIGNALS if hasattr(signal, name)]
    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ended(folder: EventFolder, faults: int) -> int:
    """Show the standings and what is left to do; returns the exit code."""
    from grader import leaderboard_command as standings
    from grader.events.folder import plural
    from grader.events.waiting import Queue
    from leaderboard.store import Store

    options = standings.Options(
        fmt=None,
        event=folder.rules,
        overall=False,
        history=None,
        as_stats=False,
        teams=(),
        since=None,
        device=None,
        walls=None,
    )
    standings.run(None, Store(folder.scores), options)
    left = len(Queue(folder.queue, folder.graded).read()[0])
    if left:
        say(
            f"{plural(left, 'hand-in')} in the queue without a score. The same command goes on from here."
        )
    return errors.EXIT_FAULT if faults else errors.EXIT_PASSED
