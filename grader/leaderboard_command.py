"""What `grader leaderboard` does: read the store and the event, choose, rank, print."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import click
import msgspec

from grader import challenge as challenges
from grader.errors import UsageError
from grader.front import event_of, report, say
from leaderboard.attempts import Attempt, judge_attempts
from leaderboard.event import Event
from leaderboard.formats import DEFAULT_FORMAT, FOR_PROGRAMS, check_format
from leaderboard.listings import history, render_history, render_mistakes, render_stats, stats
from leaderboard.overall import overall
from leaderboard.ranking import rank_attempts
from leaderboard.score import Score, Walls
from leaderboard.store import Problem, Store
from leaderboard.table import render, render_overall
from leaderboard.text import printable
from leaderboard.times import moment

STRENGTH = {"none": 0, "weak": 1, "medium": 2, "strong": 3}


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says; the names are those of its options."""

    fmt: str | None
    event: Path | None
    overall: bool
    history: str | None
    as_stats: bool
    teams: tuple[str, ...]
    since: str | None
    device: str | None
    walls: Walls | None

    def check(self) -> None:
        """Refuse what does not go together."""
        asked = (self.overall, self.history is not None, self.as_stats)
        if sum(asked) > 1:
            raise UsageError("--overall, --history and --stats exclude each other.")
        if self.history is not None and self.teams:
            raise UsageError("--history is of one team: leave out --team.")
        check_format(self.fmt or DEFAULT_FORMAT)


def run(challenge_id: str | None, store: Store, options: Options) -> None:
    """Print what was asked for."""
    options.check()
    since = moment(options.since, datetime.now(UTC)) if options.since else None
    event = event_of(store, options.event)
    scores = list(_read(store, whole=options.as_stats))
    _warn(event, {score.challenge.id for score in scores})
    # Judged before anything is left out, so that a filter never turns an attempt that is one too
    # many into one that counts.
    attempts = [
        one
        for one in judge_attempts(scores, event)
        if _chosen(one.score, challenge_id, options, since)
    ]
    if not scores:
        say("No scores yet. `grader grade` makes the first.")
    elif not attempts:
        say("No attempt fits.")
    if options.history is not None:
        _print_history(attempts, options.history, event, options.fmt)
    elif options.as_stats:
        _print_stats(attempts, options)
    elif options.overall:
        _print_overall(attempts, event, options)
    elif challenge_id is not None:
        _print_standings(attempts, event, options, alone=True)
    else:
        belonging = [one for one in attempts if one.verdict != "elsewhere"]
        _print_standings(belonging, event, options, alone=False)


def _read(store: Store, whole: bool) -> Iterator[Score]:
    """Every score; unless whole, without what fills most of a record and no standings look at."""
    for one in store.each():
        if isinstance(one, Problem):
            report([one])
        elif whole:
            yield one.score
        else:
            yield msgspec.structs.replace(one.score, specs=(), curve=(), output="")


def _warn(event: Event, attempted: set[str]) -> None:
    """Tell of challenges that nobody can have meant: without scores, and none of the kit's."""
    missing = [entry.id for entry in event.challenges if entry.id not in attempted]
    known = {one.id for one in challenges.all_challenges()} if missing else set()
    for name in missing:
        if name not in known:
            say(
                f"warning: the event names a challenge {name!r}; there is none, nor any score of it"
            )


def _chosen(
    score: Score, challenge_id: str | None, options: Options, since: datetime | None
) -> bool:
    return (
        (challenge_id is None or score.challenge.id == challenge_id)
        and (since is None or score.submitted_at >= since)
        and (options.device is None or score.device.type == options.device)
        and (options.walls is None or STRENGTH[score.walls] >= STRENGTH[options.walls])
    )


def _print_standings(
    attempts: Sequence[Attempt], event: Event, options: Options, alone: bool
) -> None:
    fmt = options.fmt or DEFAULT_FORMAT
    order = {entry.id: number for number, entry in enumerate(event.challenges)}
    # They come by challenge already; those of an event are shown as it lists them.
    grouped = [
        (name, rank_attempts(list(ones), event))
        for name, ones in groupby(attempts, key=lambda one: one.score.challenge.id)
    ]
    tables = dict(sorted(grouped, key=lambda item: order.get(item[0], 0)))
    if options.teams:
        _check_teams(options.teams, {row.team for rows in tables.values() for row in rows})
    tables = {
        name: [row for row in rows if not options.teams or row.team in options.teams]
        for name, rows in tables.items()
    }
    if fmt in FOR_PROGRAMS:
        # One document, whatever was asked for.
        click.echo(render([row for rows in tables.values() for row in rows], fmt))
        return
    if options.fmt is None:
        _print_title(event)
    for number, (name, rows) in enumerate(tables.items()):
        if not alone and options.fmt is None:
            click.echo(f"{'' if number == 0 else chr(10)}{printable(name)}")
        click.echo(render(rows, fmt))


def _print_overall(attempts: Sequence[Attempt], event: Event, options: Options) -> None:
    rows = overall(attempts, event)
    if options.teams:
        _check_teams(options.teams, {row.team for row in rows})
        rows = [row for row in rows if row.team in options.teams]
    if options.fmt is None:
        _print_title(event)
    click.echo(render_overall(rows, options.fmt or DEFAULT_FORMAT))


def _print_history(attempts: Sequence[Attempt], team: str, event: Event, fmt: str | None) -> None:
    _check_teams([team], {one.score.team for one in attempts})
    click.echo(render_history(history(attempts, team, event), fmt or DEFAULT_FORMAT))


def _print_stats(attempts: Sequence[Attempt], options: Options) -> None:
    if options.teams:
        _check_teams(options.teams, {one.score.team for one in attempts})
        attempts = [one for one in attempts if one.score.team in options.teams]
    rows, fmt = stats(attempts), options.fmt or DEFAULT_FORMAT
    click.echo(render_stats(rows, fmt))
    if fmt not in FOR_PROGRAMS and (mistakes := render_mistakes(rows, fmt)):
        click.echo(f"\n{mistakes}")


def _print_title(event: Event) -> None:
    if event.title:
        click.echo(f"{printable(event.title)}\n")


def _check_teams(wanted: Sequence[str], known: set[str]) -> None:
    """Raise UsageError, with near matches, for a team that has no attempt."""
    for team in wanted:
        if team not in known:
            near = difflib.get_close_matches(team, sorted(known), n=3)
            hint = f" Did you mean {', '.join(map(repr, near))}?" if near else ""
            raise UsageError(f"No attempt of a team {team!r} is here.{hint}")
