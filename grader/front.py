"""What several modules of the command line share: its types of argument, its store, its words."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

import grader
from grader import challenge as challenges
from grader import keyring
from grader.challenge import Challenge
from grader.errors import UsageError
from leaderboard.attempts import apart
from leaderboard.event import Event, event_of
from leaderboard.reveal import seen_score
from leaderboard.score import Score
from leaderboard.signing import state
from leaderboard.store import EVENT_FILE, Store, load
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
key_file_option = click.option(
    "--key-file",
    type=click.Path(dir_okay=False),
    # Before any challenge on the command line is looked up, which may need it.
    is_eager=True,
    expose_value=False,
    callback=lambda ctx, param, value: keyring.use_file(value) if value else None,
    help="The age identity that opens sealed challenges [default: GRADER_KEY, GRADER_KEY_FILE].",
)
signing_key_option = click.option(
    "--signing-key",
    type=click.Path(dir_okay=False),
    is_eager=True,
    expose_value=False,
    callback=lambda ctx, param, value: keyring.use_signing_file(value) if value else None,
    help="Sign scores with the key in this file [default: GRADER_SIGNING_KEY, else not at all].",
)
store_option = click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="GRADER_STORE",
    help="Folder of scores [default: leaderboard/scores].",
)


team_option = click.option(
    "--team", envvar="GRADER_TEAM", help="Whose score it is [default: your user name]."
)
seed_option = click.option(
    "--seed", help="Repeat a grading: the seed of its score, in hexadecimal."
)
verbose_option = click.option(
    "--verbose", "-v", is_flag=True, help="Whole messages, prints, seconds, the seed."
)


new_key_option = click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The new file for the secret key; only you can read it.",
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


def existing(store: Store) -> Store:
    """The store, which must exist: of one that is not there, nothing can be said."""
    if not store.path.exists():
        raise UsageError(f"There is no folder {store.path}. Name one with --store.")
    return store


def view_of(store: Store, revealed: bool = False) -> Callable[[Score], Score]:
    """Return what makes of a score what the event shows of it; see leaderboard.reveal."""
    event = event_of(store.path)
    return lambda score: seen_score(score, event, revealed)


def score_of(store: Store, key: str) -> Score:
    """Return the score of a file, or of the store by its id; tells if no key of the event has signed it."""
    event = event_of(store.path)
    # `grader grade --json` and a CI leave files that lie in no store.
    is_file = key.endswith(".json") and Path(key).is_file()
    score = load(Path(key)) if is_file else store.find(key, event.keys)
    if event.keys and state(score, event.keys) != "signed":
        say(f"No key of the event has signed {score.id}, so it counts for nothing.")
    return score


def that_count(scores: Iterable[Score], store: Store) -> list[Score]:
    """Return the scores without those that no key of the event has signed, and says how many these are."""
    kept, others = apart(scores, event_of(store.path))
    if others:
        say(f"{len(others)} left out: no key of the event has signed them.")
    return kept


def seen_scores(store: Store) -> list[Score]:
    """Return all scores of a store that count, as the event shows them; what does not count is told."""
    found, problems = store.read()
    report(problems)
    return list(map(view_of(store), that_count(found, store)))


def check_reveal(event: Event, reveal: bool) -> None:
    """Refuse to reveal what is not kept back, and say so where it is early; raises UsageError."""
    if not reveal:
        return
    if not event.private:
        raise UsageError(
            "Nothing is kept back, so there is nothing to reveal: "
            f"`private = true` in {EVENT_FILE} keeps the private specs back."
        )
    if event.closes is not None and datetime.now(UTC) < event.closes:
        say("The event is still open: this is what nobody should know yet.")


def say(text: str) -> None:
    """Tell on standard error, control characters shown."""
    click.echo(printable(text, multiline=True), err=True)


def report(problems: Iterable[Any]) -> None:
    """Tell which files of a store do not count."""
    for problem in problems:
        say(f"skipped {problem}")
