"""What `grader leaderboard` does: read the store and the event, choose, rank, print."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path

import click
import msgspec

from grader import challenge as challenges
from grader.errors import UsageError
from grader.front import check_reveal, report, say
from leaderboard.attempts import Attempt, judge_attempts
from leaderboard.event import Event, event_of
from leaderboard.formats import DEFAULT_FORMAT, FOR_PROGRAMS, check_format
from leaderboard.listings import history, render_history, render_mistakes, render_stats, stats
from leaderboard.overall import overall
from leaderboard.ranking import Row, rank_attempts
from leaderboard.reveal import seen_score, with_moves
from leaderboard.score import Score, Walls
from leaderboard.signing import check_public, state
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
    reveal: bool = False
    keys: tuple[str, ...] = ()

    def check(self) -> None:
        """Refuse what does not go together."""
        asked = (self.overall, self.history is not None, self.as_stats)
        if sum(asked) > 1:
            raise UsageError("--overall, --history and --stats exclude each other.")
        if self.history is not None and self.teams:
            raise UsageError("--history is of one team: leave out --team.")
        check_format(self.fmt or DEFAULT_FORMAT)
        for key in self.keys:
            check_public(key)


class _Found(msgspec.Struct, frozen=True):
    """The scores of a store as they are shown; apart from them those that no key has signed."""

    scores: list[Score]
    unverified: list[Score]


def run(challenge_id: str | None, store: Store, options: Options) -> None:
    """Print what was asked for."""
    options.check()
    event = event_of(store.path, options.event)
    event = msgspec.structs.replace(event, keys=(*event.keys, *options.keys))
    check_reveal(event, options.reveal)
    found, hidden = _read(store, event, options)
    _warn(event, {score.challenge.id for score in found.scores})
    attempts = _attempts(found, event, challenge_id, options)
    if not (found.scores or found.unverified):
        say("No scores yet. `grader grade` makes the first.")
    elif not attempts:
        say("No attempt fits.")
    before = None
    if options.reveal and not options.as_stats and options.history is None:
        # What was shown until now, for what has moved.
        before = _attempts(hidden, event, challenge_id, options)
    if options.history is not None:
        _print_history(attempts, options.history, event, options.fmt)
    elif options.as_stats:
        _print_stats(attempts, options)
    elif options.overall:
        _print_overall(attempts, before, event, options)
    elif challenge_id is not None:
        _print_standings(attempts, before, event, options, alone=True)
    else:
        _print_standings(attempts, before, event, options, alone=False)


def _read(store: Store, event: Event, options: Options) -> tuple[_Found, _Found]:
    """Every score as it is asked for, and where that reveals something also as it was shown before.

    Without what fills most of a record, if nobody looks at it.
    """
    found, hidden = _Found([], []), _Found([], [])
    for one in store.each():
        if isinstance(one, Problem):
            report([one])
            continue
        # Before it is changed for showing.
        holds = not event.keys or state(one.score, event.keys) == "signed"
        views = [(found, True), (hidden, False)] if options.reveal else [(found, False)]
        for place, revealed in views:
            score = seen_score(one.score, event, revealed)
            if not options.as_stats:
                score = msgspec.structs.replace(score, specs=(), curve=(), output="")
            (place.scores if holds else place.unverified).append(score)
    return found, hidden


def _attempts(
    found: _Found, event: Event, challenge_id: str | None, options: Options
) -> list[Attempt]:
    """Those that were asked for.

    Judged before anything is left out, so that a filter never turns an attempt that is one too many
    into one that counts.
    """
    since = moment(options.since, datetime.now(UTC)) if options.since else None
    return [
        one
        for one in judge_attempts(found.scores, event, found.unverified)
        if _chosen(one.score, challenge_id, options, since)
    ]


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


def _tables(attempts: Sequence[Attempt], event: Event, alone: bool) -> dict[str, list[Row]]:
    """The standings of each challenge, those of an event as it lists them."""
    order = {entry.id: number for number, entry in enumerate(event.challenges)}
    chosen = [one for one in attempts if alone or one.verdict != "elsewhere"]
    # They come by challenge already.
    grouped = [
        (name, rank_attempts(list(ones), event))
        for name, ones in groupby(chosen, key=lambda one: one.score.challenge.id)
    ]
    return dict(sorted(grouped, key=lambda item: order.get(item[0], 0)))


def _print_standings(
    attempts: Sequence[Attempt],
    before: Sequence[Attempt] | None,
    event: Event,
    options: Options,
    alone: bool,
) -> None:
    fmt = options.fmt or DEFAULT_FORMAT
    tables = _tables(attempts, event, alone)
    if before is not None:
        old = _tables(before, event, alone)
        tables = {name: with_moves(rows, old.get(name, [])) for name, rows in tables.items()}
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


def _print_overall(
    attempts: Sequence[Attempt], before: Sequence[Attempt] | None, event: Event, options: Options
) -> None:
    rows = overall(attempts, event)
    if before is not None:
        rows = with_moves(rows, overall(before, event))
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
