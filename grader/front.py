"""What several modules of the command line share: its types of argument, its store, its words."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

import grader
from grader import challenge as challenges
from grader.challenge import Challenge
from leaderboard.event import NO_EVENT, Event, load_event
from leaderboard.store import EVENT_FILE, Store
from leaderboard.text import printable


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


event_option = click.option(
    "--event",
    type=click.Path(path_type=Path),
    help="The event's rules [default: leaderboard.toml in the store, or here].",
)


def store_at(path: Path | None) -> Store:
    """Return the store: as told, else the clone's own folder, else ./leaderboard/scores."""
    if path is None:
        clone = Path(grader.__file__).resolve().parent.parent
        base = clone if (clone / "pyproject.toml").is_file() else Path.cwd()
        path = base / "leaderboard" / "scores"
    return Store(path)


def event_files(store: Store, path: Path | None) -> list[Path]:
    """Return where the event may be: as told, else in the store, else here."""
    return [path] if path is not None else [store.path / EVENT_FILE, Path(EVENT_FILE)]


def event_of(store: Store, path: Path | None) -> Event:
    """Return the event: as told, else the first that is there, else none."""
    for found in event_files(store, path):
        if path is not None or found.is_file():
            return load_event(found)
    return NO_EVENT


def say(text: str) -> None:
    """Tell on standard error, control characters shown."""
    click.echo(printable(text, multiline=True), err=True)


def report(problems: Iterable[Any]) -> None:
    """Tell which files of a store do not count."""
    for problem in problems:
        say(f"skipped {problem}")
