"""`grader scores`: look after a folder of scores."""

from __future__ import annotations

import importlib
import importlib.util
import secrets
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import click

from grader import errors
from grader.errors import UsageError
from grader.front import existing, new_key_option, say, store_at, store_option
from leaderboard.errors import StoreWriteError
from leaderboard.score import Score
from leaderboard.store import Problem, Store
from leaderboard.text import printable

INSTALL: Final = "pip install pyarrow"


@click.group()
def scores() -> None:
    """Check, merge and export folders of scores.

    \b
    Example:
      grader scores check
      grader scores merge other/scores
      grader scores export --format csv --out scores.csv
    """


@scores.command()
@store_option
@click.option(
    "--key",
    "keys",
    multiple=True,
    help="A public key: name every score that was not signed with one of them.",
)
def check(store: Path | None, keys: tuple[str, ...]) -> None:
    """Look for what is wrong in a store, and change nothing.

    Exit code: 0 nothing, 1 there are problems, 2 wrong usage.

    \b
    Example:
      grader scores check --store scores
      grader scores check --key ed25519-public:...
    """
    from leaderboard.checking import check as look

    folder = existing(store_at(store))
    problems = records = 0
    for one in look(folder, keys):
        if isinstance(one, Problem):
            problems += 1
            click.echo(str(one))
        else:
            records += 1
    say(
        f"{records} score{'s' * (records != 1)}, {problems} problem{'s' * (problems != 1)} "
        f"in {folder.path}"
    )
    raise SystemExit(errors.EXIT_NOT_PASSED if problems else errors.EXIT_PASSED)


@scores.command()
@click.argument(
    "sources",
    metavar="SOURCE...",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)
@store_option
def merge(sources: tuple[Path, ...], store: Path | None) -> None:
    """Copy the scores of other stores into one; what is there already is not copied again.

    What is no sound record is named and skipped. Exit code: 0 all is there now, 1 something was
    skipped, 2 wrong usage.

    \b
    Example:
      grader scores merge laptop/scores room-2/scores --store scores
    """
    try:
        skipped = _merged(sources, store_at(store))
    except KeyboardInterrupt:
        say("Interrupted. What was copied stays; the same command does the rest.")
        raise SystemExit(errors.EXIT_INTERRUPTED) from None
    raise SystemExit(errors.EXIT_NOT_PASSED if skipped else errors.EXIT_PASSED)


@scores.command()
@new_key_option
def keygen(out: Path) -> None:
    """Make a key to sign scores with: the secret in a file, the public one to standard output.

    \b
    Example:
      grader scores keygen --out signing.key
    """
    from grader.sealed import write_new
    from leaderboard.signing import new_key

    text, public = new_key()
    write_new(out, text.encode(), 0o600)
    click.echo(public)
    say(f"The secret key is in {out}. Whoever has it can make scores that count.")


@scores.command()
@store_option
@click.option(
    "--format",
    "fmt",
    type=click.Choice(["jsonl", "csv", "parquet"]),
    default="jsonl",
    show_default=True,
    help="Whole records, or their numbers as columns.",
)
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file [default: standard output].",
)
def export(store: Path | None, fmt: str, out: Path | None) -> None:
    """Write all scores in one file for other programs.

    parquet needs --out, and pyarrow or polars, which the kit does not install.

    \b
    Example:
      grader scores export --format csv --out scores.csv
    """
    from leaderboard import export as formats

    found = _sound(existing(store_at(store)))
    if fmt == "parquet":
        _write_parquet(found, out)
        return
    lines = (formats.csv_lines if fmt == "csv" else formats.json_lines)(found)
    if out is None:
        for line in lines:
            click.echo(line)
        return
    _write(out, lambda file: file.writelines(f"{line}\n".encode() for line in lines))


def _merged(sources: Iterable[Path], target: Store) -> int:
    """Merge, and say how many of each source were new; returns how many files were skipped."""
    from leaderboard.checking import fingerprints
    from leaderboard.checking import merge as add

    known = fingerprints(target)
    skipped = 0
    for source in sources:
        new = 0
        for one in add(Store(source), target, known):
            if isinstance(one, Problem):
                skipped += 1
                say(f"skipped {one}")
            else:
                new += 1
        click.echo(printable(f"{source}: {new} new"))
    return skipped


def _sound(store: Store) -> Iterator[Score]:
    for one in store.each():
        if isinstance(one, Problem):
            say(f"skipped {one}")
        else:
            yield one.score


def _write_parquet(found: Iterable[Score], out: Path | None) -> None:
    from leaderboard.export import COLUMNS, flat

    writer = next((name for name in ("pyarrow", "polars") if importlib.util.find_spec(name)), None)
    if writer is None:
        raise UsageError(f"parquet needs pyarrow or polars: {INSTALL}")
    if out is None:
        raise UsageError("parquet is not for a terminal: name a file with --out.")
    rows = [flat(score) for score in found]
    columns = {name: [row[name] for row in rows] for name in COLUMNS}
    if writer == "pyarrow":
        parquet: Any = importlib.import_module("pyarrow.parquet")
        table: Any = importlib.import_module("pyarrow").table(columns)
        _write(out, lambda file: parquet.write_table(table, file))
    else:
        frame: Any = importlib.import_module("polars").DataFrame(columns, infer_schema_length=None)
        _write(out, frame.write_parquet)


def _write(path: Path, fill: Callable[[BinaryIO], Any]) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            fill(file)
        temporary.replace(path)
    except OSError as error:
        raise StoreWriteError(f"Cannot write {path}: {error.strerror or error}.") from error
    finally:
        temporary.unlink(missing_ok=True)
