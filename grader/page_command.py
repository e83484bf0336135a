"""What `grader page` does: read the store and the event, write the pages, and serve them if asked to."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from grader.errors import UsageError
from grader.front import check_reveal, existing, report, say
from leaderboard.event import event_files, event_of
from leaderboard.page.build import build
from leaderboard.page.live import serve
from leaderboard.page.names import INDEX
from leaderboard.page.server import PageServer
from leaderboard.score import rfc3339
from leaderboard.store import Problem, Store
from leaderboard.text import printable


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line says; the names are those of its options."""

    out: Path
    event: Path | None
    live: bool
    port: int
    title: str
    reveal: bool


def run(store: Store, options: Options, named: bool) -> None:
    """Write the pages once, or until Ctrl-C. `named`: it was the user who said which store."""
    _keep_apart(store, options.out)
    # A slip in its name would put an empty page in the place of a good one. Before the first score,
    # the usual store may not be there yet, nor the one that a live page waits for.
    if named and not options.live:
        existing(store)
    check_reveal(event_of(store.path, options.event), options.reveal)
    if options.live:
        _serve(store, options)
        return
    pages, _ = _build(store, options, set())
    click.echo(options.out / INDEX)
    say(f"{len(pages)} pages")


def _build(store: Store, options: Options, told: set[Problem]) -> tuple[Sequence[Path], str]:
    """Make the pages; what is wrong in the store is reported once."""
    scores, problems = store.read()
    report(one for one in problems if one not in told)
    told.update(problems)
    now = datetime.now(UTC)
    pages = build(
        scores,
        event_of(store.path, options.event),
        options.out,
        now,
        title=options.title,
        live=options.live,
        revealed=options.reveal,
    )
    return pages, rfc3339(now)


def _serve(store: Store, options: Options) -> None:
    told: set[Problem] = set()
    waits = not store.path.exists()
    # Before anything is watched: what cannot be written, or read, is an error and no news.
    _build(store, options, told)
    server = PageServer(options.out, options.port)
    click.echo(server.address)
    if waits:
        say(printable(f"There is no folder {store.path} yet: the first score makes it."))
    say("Ctrl-C ends it.")
    rules = event_files(store.path, options.event)
    try:
        serve(server, store, rules, lambda: _build(store, options, told), say, threading.Event())
    except KeyboardInterrupt:
        say("Stopped. The pages stay as they are.")


def _keep_apart(store: Store, out: Path) -> None:
    """Pages in the store would be found there as files that are no scores."""
    folder, target = store.path.resolve(), out.resolve()
    if target == folder or folder in target.parents or target in folder.parents:
        raise UsageError(
            f"{out} and the store {store.path} lie in one another: name a folder elsewhere with --out."
        )
