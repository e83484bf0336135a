"""`grader ci`: grade what a pull request hands in, from git objects."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import msgspec

from grader.challenge import Challenge, all_challenges
from grader.errors import UsageError
from grader.front import CHALLENGE, key_file_option, say, signing_key_option, view_of
from grader.grade_command import WEAK_WARNING, changed_limits, checked_seed, machine_fault
from leaderboard.errors import StoreError
from leaderboard.event import event_of
from leaderboard.score import Score, Walls

if TYPE_CHECKING:
    from grader.ci.finding import Findings, Rejected, Rules
    from grader.ci.grading import Blobs, Graded
    from grader.ci.policy import Policy
    from grader.ci.report import Report
    from grader.git_objects import Repository

FORMATS: Final = ("text", "markdown", "json", "junit", "ctrf")
FOLDER: Final = click.Path(file_okay=False, path_type=Path)
FILE: Final = click.Path(dir_okay=False, path_type=Path)


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says; the names are those of its options."""

    base: str
    head: str
    repo: Path
    hand_ins: str | None
    team: str | None
    challenges: tuple[Challenge, ...]
    protect: tuple[str, ...]
    max_hand_ins: int
    require: str = "passed"
    require_walls: Walls = "medium"
    device: str = "auto"
    seed: str | None = None
    timeout: float | None = None
    memory: int | None = None
    store: Path | None = None
    out: Path | None = None
    fmt: str = "text"
    annotations: str = "auto"
    pack: Path | None = None


def what_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what decides which files are hand-ins."""
    for option in (
        click.option("--max-hand-ins", type=click.IntRange(min=1), default=20, show_default=True),
        click.option(
            "--protect",
            multiple=True,
            metavar="PATTERN",
            help="Also refuse changes to FILE, DIR/ or DIR/*.json.",
        ),
        click.option(
            "--challenge",
            "challenges",
            multiple=True,
            type=CHALLENGE,
            help="Only of these [default: of all].",
        ),
        click.option("--team", help="Whose pull request it is."),
        click.option(
            "--hand-ins",
            metavar="PATTERN",
            help="Where they lie: hand-ins/{team}/{file} [default: **/{file}].",
        ),
        click.option(
            "--repo", type=FOLDER, default=Path(), help="The git repository [default: here]."
        ),
        click.option("--head", required=True, help="The commit of the pull request."),
        click.option("--base", required=True, help="The commit that it is to be merged into."),
    ):
        command = option(command)
    return command


def how_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add how they are graded, and what is told of it."""
    for option in (
        click.option(
            "--annotations",
            type=click.Choice(["auto", "github", "none"]),
            default="auto",
            help="Annotations on lines; auto: where GITHUB_ACTIONS is true.",
        ),
        click.option("--format", "fmt", type=click.Choice(FORMATS), default="text"),
        click.option(
            "--out", type=FOLDER, help="Write scores, junit.xml, ctrf.json, summary.md here."
        ),
        click.option("--store", type=FOLDER, help="Add the scores to this folder of scores."),
        key_file_option,
        signing_key_option,
        click.option("--memory", type=click.IntRange(min=256), help="MiB for a hand-in."),
        click.option("--timeout", type=click.FloatRange(min=1), help="Seconds for one grading."),
        click.option("--seed", help="Repeat a grading: the seed of its score."),
        click.option("--device", default="auto", show_default=True),
        click.option(
            "--require-walls",
            type=click.Choice(["strong", "medium", "weak"]),
            default="medium",
            show_default=True,
            help="Refuse to grade behind anything weaker.",
        ),
        click.option(
            "--require",
            default="passed",
            show_default=True,
            metavar="POLICY",
            help="passed, no-worse, or score>=N.",
        ),
    ):
        command = option(command)
    return command


@click.command("grade")
@what_options
@how_options
@click.option("--pack", type=FILE, help="Where contents are that were not fetched: `ci pack`.")
def grade(**options: Any) -> None:
    """Grade the hand-ins that a pull request adds or changes.

    Nothing is checked out, and nothing of the pull request runs or configures anything outside the walls.
    Exit code: 0 all reach what is required, or there are none; 1 some do not; 2 wrong usage; 3 refused,
    or not gradable; 4 our fault.

    \b
    Example:
      grader ci grade --base main --head topic --team ada
      grader ci grade --base main --head topic --hand-ins 'hand-ins/{team}/{file}' --out report
    """
    raise SystemExit(run(Options(**options)))


@click.command("pack")
@what_options
@click.option("--number", type=int, help="Of the pull request, for people.")
@click.option("--out", type=FILE, required=True, help="The tar file.")
def pack(number: int | None, out: Path, **options: Any) -> None:
    """Pack the hand-ins that a pull request adds or changes, for a job that may not fetch them.

    \b
    Example:
      grader ci pack --base main --head topic --team ada --out hand-ins.tar
    """
    from grader.ci.packing import pack as packed

    repository, findings = found(Options(**options))
    manifest = packed(repository, findings.hand_ins, (findings.base, findings.head), number, out)
    number_of = len(manifest.hand_ins)
    say(f"{number_of} hand-in{'s' * (number_of != 1)} of {findings.head[:12]} are in {out}.")


class GradesByDefault(click.Group):
    """`grader ci --base A --head B` means `grader ci grade --base A --head B`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the command before options that stand alone."""
        if args and args[0].startswith("-") and args[0] not in ctx.help_option_names:
            args = ["grade", *args]
        return super().parse_args(ctx, args)


@click.group(cls=GradesByDefault)
def ci() -> None:
    """Grade pull requests, from git objects. Without a command: grade.

    \b
    Example:
      grader ci --base main --head topic --team ada
      grader ci pack --base main --head topic --team ada --out hand-ins.tar
    """


ci.add_command(grade)
ci.add_command(pack)


def found(options: Options) -> tuple[Repository, Findings]:
    """Return what the pull request changes."""
    from grader.ci.finding import find
    from grader.git_objects import Repository

    rules = _rules(options)
    repository = Repository(options.repo)
    base, head = repository.commit(options.base), repository.commit(options.head)
    return repository, find(repository, base, head, rules)


def _rules(options: Options) -> Rules:
    from grader.ci.finding import Rules
    from grader.ci.guarding import CHALLENGES, SCORES, guards
    from grader.ci.layout import ANYWHERE, Layout, wrong_team

    layout = Layout(options.hand_ins or ANYWHERE)
    if options.team is None and not layout.names_team:
        raise UsageError(
            "Whose pull request is it? --team says so, or a folder: --hand-ins 'hand-ins/{team}/{file}'."
        )
    reason = wrong_team(options.team) if options.team is not None else None
    if reason is not None:
        raise UsageError(f"--team is no name of a team: {reason}.")
    challenges = options.challenges or tuple(all_challenges())
    places = {one.home: CHALLENGES for one in challenges}
    places |= {options.store: SCORES} if options.store is not None else {}
    return Rules(
        layout,
        options.team,
        {one.file_name: one for one in challenges},
        guards(options.protect, options.repo, places),
        options.max_hand_ins,
    )


def run(options: Options) -> int:
    """Grade, write and print; returns the exit code."""
    from grader.ci.layout import muted
    from grader.ci.policy import parse
    from grader.ci.report import Report

    moment = datetime.now(UTC)
    _clear(options)
    checked_seed(options.seed)
    policy = parse(options.require)
    repository, findings = found(options)
    blobs: Blobs = repository
    if options.pack is not None:
        from grader.ci.packing import Pack, PackedBlobs

        read = Pack(options.pack, repository.object_format)
        blobs = PackedBlobs(read, repository, findings.head)
    unsaved: list[StoreError] = []
    graded, rejected = _graded(options, findings, blobs, policy, moment, unsaved)
    report = Report(findings, tuple(graded), (*findings.rejected, *rejected), policy)
    _write(report, options)
    click.echo(muted(_text(report, options.fmt)))
    if _annotates(options):
        from grader.ci.annotations import commands

        for line in commands(report):
            # Standard error, which the runner reads as well, so that the answer stays one document.
            click.echo(line, err=True)
    if unsaved:
        raise unsaved[0]
    return report.exit_code


def _graded(
    options: Options,
    findings: Findings,
    blobs: Blobs,
    policy: Policy,
    moment: datetime,
    unsaved: list[StoreError],
) -> tuple[list[Graded], list[Rejected]]:
    """Grade, and record each score in the store as soon as it is there; a report comes in any case."""
    from grader import devices
    from grader.ci.grading import Conditions, Graded, grade_all, seen
    from grader.walls import choose
    from leaderboard.store import Store

    graded: list[Graded] = []
    rejected: list[Rejected] = []
    if not findings.hand_ins:
        return graded, rejected
    view = view_of(Store(_event_folder(options)))
    wall = choose(options.require_walls)
    if wall.level == "weak":
        click.echo(WEAK_WARNING, err=True)
    conditions = Conditions(
        policy,
        devices.resolve(options.device),
        options.seed,
        wall,
        moment,
        lambda one: changed_limits(one.limits, options.timeout, options.memory),
    )
    for one in grade_all(findings.hand_ins, blobs, conditions):
        if not isinstance(one, Graded):
            rejected.append(one)
            continue
        graded.append(seen(one, view, policy))
        _save(one.score, options, unsaved)
    return graded, rejected


def _save(score: Score, options: Options, unsaved: list[StoreError]) -> None:
    if options.store is None or score.status == "grader_fault":
        return
    from leaderboard.store import Store

    try:
        Store(options.store).add(score)
    except StoreError as error:
        unsaved.append(error)


def _clear(options: Options) -> None:
    """However this run ends, no earlier one's report is taken for its own."""
    from grader.ci.folder import clear

    try:
        if options.out is not None:
            clear(options.out)
    except OSError as error:
        raise machine_fault(error) from error


def _write(report: Report, options: Options) -> None:
    if options.out is None:
        return
    from grader.ci.folder import FILES, add

    try:
        options.out.mkdir(parents=True, exist_ok=True)
        for fmt, name in FILES.items():
            (options.out / name).write_text(_text(report, fmt).rstrip("\n") + "\n", "utf-8")
        # What an event shows is no whole record, and whole ones are its own: they are in its store.
        if not event_of(_event_folder(options)).private:
            add(report.scores, options.out)
    except OSError as error:
        raise machine_fault(error) from error


def _event_folder(options: Options) -> Path:
    """Where the event's rules may lie; else in the current folder, which is the trusted side's."""
    return options.store or Path()


def _text(report: Report, fmt: str) -> str:
    """Return the answer in a format, without a newline at its end."""
    if fmt == "junit":
        from leaderboard.junit import junit

        return junit(report.scores).rstrip("\n")
    if fmt == "ctrf":
        from leaderboard.ctrf import ctrf

        return ctrf(report.scores).rstrip("\n")
    if fmt == "markdown":
        from grader.ci.markdown import summary

        return summary(report).rstrip("\n")
    from grader.ci.report import as_json, as_text

    return as_json(report) if fmt == "json" else as_text(report)


def _annotates(options: Options) -> bool:
    here = os.environ.get("GITHUB_ACTIONS") == "true"
    return options.annotations == "github" or (options.annotations == "auto" and here)
