"""The command line: parse, call one function, print. stdout is the answer, stderr is talk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

import grader
from grader import challenge as challenges
from grader import errors, keyring, signatures
from grader.challenge import Challenge
from grader.ci_command import ci
from grader.event_command import event, handout
from grader.export_command import export
from grader.front import (
    CHALLENGE,
    event_option,
    key_file_option,
    report,
    say,
    score_of,
    seed_option,
    seen_scores,
    signing_key_option,
    store_at,
    store_option,
    team_option,
    verbose_option,
    view_of,
)
from grader.scores_command import scores
from grader.seal_command import seal
from leaderboard.errors import LeaderboardError, StoreReadError, StoreWriteError
from leaderboard.score import Score, Walls, encode
from leaderboard.text import printable


class FrontDoor(click.Group):
    """Turns exceptions into words and exit codes, in one place."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        keyring.take()
        try:
            signatures.check()
            return super().invoke(ctx)
        except errors.GraderError as error:
            say(str(error))
            ctx.exit(error.exit_code)
        except click.ClickException as error:
            # A file name that the shell put on the command line can hold anything.
            vars(error)["message"] = printable(error.message, multiline=True)
            raise
        except LeaderboardError as error:
            say(str(error))
            fault = isinstance(error, (StoreReadError, StoreWriteError))
            ctx.exit(errors.EXIT_FAULT if fault else errors.EXIT_USAGE)
        except KeyboardInterrupt:
            say("Interrupted. Nothing was saved.")
            ctx.exit(errors.EXIT_INTERRUPTED)


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
        key_file_option,
        signing_key_option,
        store_option,
        click.option(
            "--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N."
        ),
    ):
        command = option(command)
    return command


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
    """Show every challenge and the best score so far. Exit code: 4 if one is broken, and skipped.

    \b
    Example:
      grader list
    """
    from grader.render import challenge_table
    from leaderboard.ranking import best_attempt

    scores = seen_scores(store_at(store))
    broken: list[errors.ChallengeError] = []
    shown = challenges.all_challenges(broken.append)
    best = [best_attempt(s for s in scores if s.challenge.id == one.id) for one in shown]
    click.echo(challenge_table(list(zip(shown, best, strict=True))))
    report(map(str, broken))
    raise SystemExit(errors.EXIT_FAULT if broken else errors.EXIT_PASSED)


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
    click.echo(f"The brief is {brief} (or: grader brief {challenge.called})")
    where = "" if folder == Path() else f" {stub}"
    click.echo(f"Then: grader grade {challenge.called}{where}")


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

    score = run(challenge, path, store_at(options.pop("store")), **options)
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

    score = run(challenge, path, store_at(options.pop("store")), **options)
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

    raise SystemExit(run(sources, store_at(store), Options(**options)))


@main.command()
@click.argument("key", metavar="ID")
@store_option
@verbose_option
@click.option("--json", "as_json", is_flag=True, help="Print the record as JSON.")
@click.option("--reveal", is_flag=True, help="With what the event keeps back.")
def show(key: str, store: Path | None, verbose: bool, as_json: bool, reveal: bool) -> None:
    """Show one score again, by its id (or the beginning of it) or its file.

    \b
    Example:
      grader show 04-20261123
    """
    from grader.render import console, score_table

    place = store_at(store)
    score = view_of(place, reveal)(score_of(place, key))
    if as_json:
        click.echo(encode(score).decode(), nl=False)
    else:
        score_table(score, console(), verbose)


@main.command()
@click.argument("challenge", type=CHALLENGE, required=False)
@store_option
@click.option("--format", "fmt", help="A tabulate format, markdown, json or csv.")
@event_option
@click.option("--overall", is_flag=True, help="All challenges of the event in one table.")
@click.option("--history", metavar="TEAM", help="Every attempt of a team, and what became of it.")
@click.option("--stats", "as_stats", is_flag=True, help="How each challenge fares.")
@click.option("--key", "keys", multiple=True, help="A public key: only what it signed may count.")
@click.option("--team", "teams", multiple=True, help="Only this team; may be repeated.")
@click.option("--since", help="Only attempts since then: 2h, 3d, or an ISO time with its zone.")
@click.option("--device", help="Only attempts on cpu or cuda.")
@click.option(
    "--walls",
    type=click.Choice(["strong", "medium", "weak"]),
    help="Only attempts behind such walls or stronger ones.",
)
@click.option(
    "--reveal", is_flag=True, help="What the event keeps back: final points, and who has moved."
)
def leaderboard(challenge: Challenge | None, store: Path | None, **options: Any) -> None:
    """Show the standings, of one challenge, of each, or of all together.

    \b
    Example:
      grader leaderboard 05
      grader leaderboard --overall --format markdown
      grader leaderboard --history red
      grader leaderboard --overall --reveal
    """
    from grader.leaderboard_command import Options, run

    run(challenge.id if challenge else None, store_at(store), Options(**options))


@main.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="Folder for the pages: new, empty, or one that holds such pages.",
)
@store_option
@event_option
@click.option("--title", default="", help="What stands at the top [default: the event's title].")
@click.option(
    "--live", is_flag=True, help="Serve the pages here, and make them anew on each score."
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8765,
    show_default=True,
    help="Where --live serves them; 0: any that is free.",
)
@click.option(
    "--reveal", is_flag=True, help="What the event keeps back: final points, and who has moved."
)
def page(store: Path | None, **options: Any) -> None:
    """Write the standings as a folder of HTML pages, for the projector and for the desk.

    \b
    Example:
      grader page --out page
      grader page --out page --live
      grader page --out final --reveal
    """
    from grader.page_command import Options, run

    run(store_at(store), Options(**options), named=store is not None)


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


main.add_command(scores)
main.add_command(seal)
main.add_command(export)
main.add_command(ci)
main.add_command(event)
main.add_command(handout)


def exit_code(score: Score) -> int:
    """Return the exit code for a score."""
    if score.status == "graded":
        return errors.EXIT_PASSED if score.passed else errors.EXIT_NOT_PASSED
    if score.status == "grader_fault":
        return errors.EXIT_FAULT
    return errors.EXIT_UNGRADABLE
