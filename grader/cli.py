"""The command line: parse, call one function, print. stdout is the answer, stderr is talk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

import grader
from grader import challenge as challenges
from grader import errors
from grader.challenge import Challenge
from leaderboard.errors import LeaderboardError, StoreReadError, StoreWriteError
from leaderboard.score import Score, Walls, encode
from leaderboard.store import Store
from leaderboard.text import printable


class FrontDoor(click.Group):
    """Turns exceptions into words and exit codes, in one place."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except errors.GraderError as error:
            _say(str(error))
            ctx.exit(error.exit_code)
        except click.ClickException as error:
            # A file name that the shell put on the command line can hold anything.
            vars(error)["message"] = printable(error.message, multiline=True)
            raise
        except LeaderboardError as error:
            _say(str(error))
            fault = isinstance(error, (StoreReadError, StoreWriteError))
            ctx.exit(errors.EXIT_FAULT if fault else errors.EXIT_USAGE)
        except KeyboardInterrupt:
            _say("Interrupted. Nothing was saved.")
            ctx.exit(errors.EXIT_INTERRUPTED)


class ChallengeType(click.ParamType[Challenge]):
    """A challenge by number, name or folder; the shell completes it."""

    name = "challenge"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> Challenge:
        """Look the challenge up."""
        return value if isinstance(value, Challenge) else challenges.find(value)

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Offer the numbers with their titles."""
        return [
            CompletionItem(one.id, help=one.title)
            for one in challenges.all_challenges()
            if one.id.startswith(incomplete) or one.slug.startswith(incomplete)
        ]


CHALLENGE = ChallengeType()
store_option = click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="GRADER_STORE",
    help="Folder of scores [default: leaderboard/scores].",
)


def grading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what decides how a hand-in is graded."""
    for option in (
        click.option("--memory", type=click.IntRange(min=256), help="MiB for the hand-in."),
        click.option(
            "--timeout", type=click.FloatRange(min=1), help="Seconds for the whole grading."
        ),
        click.option(
            "--require-walls",
            type=click.Choice(["strong", "medium", "weak"]),
            help="Refuse to grade behind anything weaker.",
        ),
        store_option,
        click.option(
            "--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N."
        ),
    ):
        command = option(command)
    return command


team_option = click.option(
    "--team", envvar="GRADER_TEAM", help="Whose score it is [default: your user name]."
)
seed_option = click.option(
    "--seed", help="Repeat a grading: the seed of its score, in hexadecimal."
)
verbose_option = click.option(
    "--verbose", "-v", is_flag=True, help="Whole messages, prints, seconds, the seed."
)


@click.group(cls=FrontDoor, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(grader.__version__, prog_name="grader")
def main() -> None:
    """Hands-on PyTorch challenges: start one, write it, have it graded.

    \b
    Example:
      grader start 04
      grader grade 04
    """


@main.command("list")
@store_option
def list_command(store: Path | None) -> None:
    """Show every challenge and the best score so far.

    \b
    Example:
      grader list
    """
    from grader.render import challenge_table
    from leaderboard.ranking import best_attempt

    scores, problems = _store(store).read()
    _report(problems)
    rows = [
        (one, best_attempt(score for score in scores if score.challenge.id == one.id))
        for one in challenges.all_challenges()
    ]
    click.echo(challenge_table(rows))


@main.command()
@click.argument("challenge", type=CHALLENGE)
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Where to put the files [default: here].",
)
@click.option("--force", is_flag=True, help="Overwrite files that are there already.")
def start(challenge: Challenge, folder: Path, force: bool) -> None:
    """Copy the stub and the brief of a challenge.

    \b
    Example:
      grader start 04
      grader start 05 --to my/gpt
    """
    from grader.starting import start as copy

    stub, brief = copy(challenge, folder, force)
    click.echo(f"Write your solution in {stub}")
    click.echo(f"The brief is {brief} (or: grader brief {challenge.id})")
    where = "" if folder == Path() else f" {stub}"
    click.echo(f"Then: grader grade {challenge.id}{where}")


@main.command()
@click.argument("challenge", type=CHALLENGE)
@click.option("--hints", type=click.IntRange(min=0), default=0, help="How many hints to unfold.")
def brief(challenge: Challenge, hints: int) -> None:
    """Read the brief of a challenge in the terminal, its hints folded.

    \b
    Example:
      grader brief 04
      grader brief 04 --hints 1
    """
    from grader.render import brief_text

    click.echo(brief_text(challenge, hints))


@main.command()
@click.argument("challenge", type=CHALLENGE)
@click.argument("path", required=False)
@team_option
@grading_options
@seed_option
@click.option("--json", "as_json", is_flag=True, help="Print the score as JSON and nothing else.")
@verbose_option
@click.option("--no-save", is_flag=True, help="Keep no score.")
def grade(challenge: Challenge, path: str | None, **options: Any) -> None:
    """Grade a hand-in: a file, a folder, or - for standard input.

    Without PATH, the file that `grader start` put here. Exit code: 0 passed, 1 not passed,
    2 wrong usage, 3 not gradable, 4 our fault.

    \b
    Example:
      grader grade 04
      grader grade 04 my/attention.py --team ada
      grader grade 05 gpt.py --device cuda --json
    """
    from grader.grade_command import run

    score = run(challenge, path, _store(options.pop("store")), **options)
    raise SystemExit(exit_code(score))


@main.command()
@click.argument("challenge", metavar="[ID]", type=CHALLENGE, required=False)
@click.argument("path", required=False)
@team_option
@grading_options
@verbose_option
@click.option("--save", is_flag=True, help="Keep the score of every verdict.")
def watch(challenge: Challenge | None, path: str | None, **options: Any) -> None:
    """Grade a file or a folder again at each save, and show what has changed.

    Without ID, the challenge that was started in this folder; without PATH, the file that `grader start`
    put here. Keys: Enter, h, d, n, q. Exit code, of the last verdict: 0 passed, 1 not passed,
    3 not gradable or none, 4 our fault; 2 wrong usage.

    \b
    Example:
      grader watch
      grader watch 04 my/attention.py --save
    """
    from grader.watch_command import run

    score = run(challenge, path, _store(options.pop("store")), **options)
    raise SystemExit(errors.EXIT_UNGRADABLE if score is None else exit_code(score))


@main.command()
@click.argument("sources", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--challenge", type=CHALLENGE, help="Of files whose names do not tell; no other.")
@click.option("-j", "--jobs", default="1", show_default=True, help="Slots side by side, or auto.")
@grading_options
@seed_option
@click.option("--resume", is_flag=True, help="Grade what has no score under the present specs.")
@click.option("--regrade", is_flag=True, help="Grade all again; the scores that are there stay.")
@click.option("--fail-fast", is_flag=True, help="Stop at the first hand-in that does not pass.")
@click.option("--dry-run", is_flag=True, help="Say what would be graded, and grade nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option("--format", "fmt", default="simple", help="A tabulate format, json or csv.")
def batch(sources: tuple[Path, ...], store: Path | None, **options: Any) -> None:
    """Grade many hand-ins: folders TEAM/FILE, archives of such, or manifests.

    A manifest is a CSV file: team,challenge,path and, at will, submitted_at. Each score is saved as soon as
    it is known. Exit code: the worst of the hand-ins', as with grade; 130 after Ctrl-C.

    \b
    Example:
      grader batch hand-ins -j auto
      grader batch hand-ins.zip more.csv --resume
      grader batch hand-ins --challenge 04 --dry-run
    """
    from grader.batch_command import Options, run

    raise SystemExit(run(sources, _store(store), Options(**options)))


@main.command()
@click.argument("key", metavar="ID")
@store_option
@verbose_option
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON.")
def show(key: str, store: Path | None, verbose: bool, as_json: bool) -> None:
    """Show one score again, by its id (or the beginning of it) or its file.

    \b
    Example:
      grader show 04-20261123
    """
    from grader.render import console, score_table

    score = _store(store).find(key)
    if as_json:
        click.echo(encode(score).decode(), nl=False)
    else:
        score_table(score, console(), verbose)


@main.command()
@click.argument("challenge", type=CHALLENGE, required=False)
@store_option
@click.option("--format", "fmt", default=None, help="A tabulate format, json or csv.")
def leaderboard(challenge: Challenge | None, store: Path | None, fmt: str | None) -> None:
    """Show the standings, of one challenge or of all.

    \b
    Example:
      grader leaderboard 05
      grader leaderboard 05 --format github
    """
    from leaderboard.ranking import challenge_ids, standings
    from leaderboard.table import DEFAULT_FORMAT, render

    scores, problems = _store(store).read()
    _report(problems)
    ids = [challenge.id] if challenge else challenge_ids(scores)
    if not ids:
        _say("No scores yet. `grader grade` makes the first.")
    for number, one in enumerate(ids):
        if challenge is None and fmt is None:
            click.echo(f"{'' if number == 0 else chr(10)}{printable(one)}")
        click.echo(render(standings(scores, one), fmt or DEFAULT_FORMAT))


@main.command()
@click.argument("which", metavar="[IDS]...", nargs=-1, type=CHALLENGE)
@click.option("--seeds", type=click.IntRange(min=1), default=1, show_default=True)
@click.option(
    "--write", is_flag=True, help="Update the tables of known mistakes and docs/specs.md."
)
def verify(which: tuple[Challenge, ...], seeds: int, write: bool) -> None:
    """Test the tests: solutions score 100, stubs 0, every wrong solution is caught.

    \b
    Example:
      grader verify 04 --seeds 3
    """
    from grader.verify_command import run

    good = run(which or tuple(challenges.all_challenges()), seeds, write)
    raise SystemExit(errors.EXIT_PASSED if good else errors.EXIT_NOT_PASSED)


@main.command()
@click.option(
    "--require-walls",
    type=click.Choice(["strong", "medium", "weak"]),
    help="Exit with 2 unless a wall of this level stands.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
def doctor(require_walls: Walls | None, as_json: bool) -> None:
    """Start each wall of this machine, try to escape from it, and say what stands.

    \b
    Example:
      grader doctor
      grader doctor --require-walls strong
    """
    from grader.doctor_command import run

    report = run(require_walls, as_json)
    if report.leaks:
        raise SystemExit(errors.EXIT_FAULT)
    raise SystemExit(errors.EXIT_PASSED if report.holds(require_walls) else errors.EXIT_USAGE)


def exit_code(score: Score) -> int:
    """Return the exit code for a score."""
    if score.status == "graded":
        return errors.EXIT_PASSED if score.passed else errors.EXIT_NOT_PASSED
    if score.status == "grader_fault":
        return errors.EXIT_FAULT
    return errors.EXIT_UNGRADABLE


def _store(path: Path | None) -> Store:
    """Return the store: as told, else the clone's own folder, else ./leaderboard/scores."""
    if path is None:
        clone = Path(grader.__file__).resolve().parent.parent
        base = clone if (clone / "pyproject.toml").is_file() else Path.cwd()
        path = base / "leaderboard" / "scores"
    return Store(path)


def _say(text: str) -> None:
    click.echo(printable(text, multiline=True), err=True)


def _report(problems: list[Any]) -> None:
    for problem in problems:
        _say(f"skipped {problem}")
