"""`grader export`: a score, or several, in the format of another program."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import click

from grader.challenge import Challenge
from grader.errors import UsageError
from grader.front import CHALLENGE, report, score_of, store_at, store_option, that_count
from leaderboard.score import Score
from leaderboard.store import Store

FORMATS: Final = ("gradescope", "junit", "ctrf", "prairielearn", "markdown")
OF_ONE: Final = ("gradescope", "prairielearn")


@click.command()
@click.argument("key", metavar="[ID|FILE]", required=False)
@click.option("--to", "fmt", type=click.Choice(FORMATS), required=True, help="Whose format.")
@store_option
@click.option("--challenge", type=CHALLENGE, help="All scores of this challenge.")
@click.option("--team", help="All scores of this team.")
@click.option("--reveal", is_flag=True, help="With what private specs say; else it is kept back.")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file [default: standard output].",
)
def export(
    key: str | None,
    fmt: str,
    store: Path | None,
    challenge: Challenge | None,
    team: str | None,
    reveal: bool,
    out: Path | None,
) -> None:
    """Write a score for another program: a course's platform, a CI, a ticket.

    By its id (or the beginning of it) or its file. junit, ctrf and markdown hold several scores: name none
    for all of the store, or choose with --challenge and --team.

    \b
    Example:
      grader export 04-20261123 --to gradescope --out results.json
      grader export --challenge 04 --to junit --out junit.xml
      grader export score.json --to markdown
    """
    scores = _chosen(store_at(store), key, challenge, team)
    if fmt in OF_ONE and len(scores) != 1:
        raise UsageError(
            f"{fmt} takes one score, and {len(scores)} fit: name it by its id, or its file."
        )
    text = _written(scores, fmt, reveal)
    if out is None:
        click.echo(text, nl=False)
    else:
        from grader.sealed import write_new

        write_new(out, text.encode(), 0o666, force=True)


def _chosen(
    store: Store, key: str | None, challenge: Challenge | None, team: str | None
) -> list[Score]:
    if key is not None and (challenge or team):
        raise UsageError("An id or a file is one score: leave out --challenge and --team.")
    if key is not None:
        return [score_of(store, key)]
    scores, problems = store.read()
    report(problems)
    return [
        score
        for score in that_count(scores, store)
        if (challenge is None or score.challenge.id == challenge.id)
        and (team is None or score.team == team)
    ]


def _written(scores: list[Score], fmt: str, reveal: bool) -> str:
    from leaderboard import reveal as views

    if fmt == "gradescope":
        from leaderboard.gradescope import gradescope

        return gradescope(scores[0], reveal)
    shown = [views.final(score) if reveal else views.public(score) for score in scores]
    if fmt == "prairielearn":
        from leaderboard.prairielearn import prairielearn

        return prairielearn(shown[0])
    return _of_several(fmt)(shown)


def _of_several(fmt: str) -> Callable[[Iterable[Score]], str]:
    from leaderboard.ctrf import ctrf
    from leaderboard.junit import junit
    from leaderboard.markdown import markdown

    return {"junit": junit, "ctrf": ctrf, "markdown": markdown}[fmt]
