"""`grader seal`: hide specs and solutions of a challenge in one encrypted file, and get them back."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

import click

from grader import challenge as challenges
from grader import errors, sealed
from grader.errors import FileExistsAlreadyError, UsageError
from grader.front import key_file_option, new_key_option, say
from grader.sweeping import remove_tree
from leaderboard.text import printable


class _SealGroup(click.Group):
    """`grader seal 05 --to …` is short for `grader seal close 05 --to …`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the name of the command in where none is given."""
        if args and args[0] not in (*self.commands, "-h", "--help"):
            args = ["close", *args]
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what the system does not let us write or read is named."""
        try:
            return super().invoke(ctx)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            raise UsageError(f"{where}{error.strerror or error}") from error


@click.group(cls=_SealGroup)
def seal() -> None:
    """Encrypt hidden specs and solutions, so that a public repository can carry them.

    `grader seal CHALLENGE... --to RECIPIENT` is short for `grader seal close`.

    \b
    Example:
      grader seal keygen --out seal.key
      grader seal 05 --to age1... --out public/challenges
      grader seal check 05 --out public/challenges --key-file seal.key
    """


@seal.command()
@new_key_option
def keygen(out: Path) -> None:
    """Make an age key: the secret goes into a file, the public recipient to standard output.

    \b
    Example:
      grader seal keygen --out seal.key
    """
    text, recipient = sealed.new_identity()
    sealed.write_new(out, text.encode(), 0o600)
    click.echo(recipient)
    say(f"The secret key is in {out}. Whoever has it can read the specs; without it, nobody can.")


@seal.command()
@click.argument("wanted", metavar="CHALLENGE...", nargs=-1, required=True)
@click.option(
    "--to",
    "recipients",
    metavar="RECIPIENT",
    multiple=True,
    required=True,
    help="Who can open it: age1..., as keygen prints it; may be repeated.",
)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Make DIR/CHALLENGE with what is public and the sealed file [default: beside the specs].",
)
def close(wanted: tuple[str, ...], recipients: tuple[str, ...], out: Path | None) -> None:
    """Encrypt specs, solution, wrong solutions and known mistakes of challenges into sealed.age.

    \b
    Example:
      grader seal close 05 --to age1... --out public/challenges
    """
    for one in wanted:
        folder = _plain(one)
        target = out / folder.name if out else folder
        data = sealed.encrypt(sealed.pack(folder), recipients)
        target.mkdir(parents=True, exist_ok=True)
        if out:
            sealed.copy_public(folder, target)
        sealed.write_new(target / sealed.FILE, data, 0o644, force=True)
        click.echo(printable(str(target / sealed.FILE)))
    if out is None:
        say(f"Keep out of the public repository what is sealed: {', '.join(sealed.HIDDEN)}")


@seal.command("open")
@click.argument("wanted", metavar="CHALLENGE...", nargs=-1, required=True)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Make DIR/CHALLENGE [default: beside the sealed file].",
)
@click.option("--force", is_flag=True, help="Replace specs and solutions that are there already.")
@key_file_option
def open_(wanted: tuple[str, ...], out: Path | None, force: bool) -> None:
    """Decrypt challenges into plain folders, for an author who has the key.

    \b
    Example:
      grader seal open public/challenges/05_tiny_gpt --out . --key-file seal.key
    """
    for one in wanted:
        folder = challenges.locate(one)
        target = out / folder.name if out else folder
        _open(folder, target, force)
        click.echo(printable(str(target)))


@seal.command()
@click.argument("wanted", metavar="CHALLENGE...", nargs=-1, required=True)
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where DIR/CHALLENGE was sealed to [default: beside the specs].",
)
@key_file_option
def check(wanted: tuple[str, ...], out: Path | None) -> None:
    """Say whether what is sealed is what the plain folder has now.

    Exit code: 0 they agree, 1 they do not, 2 wrong usage or key, 4 a sealed file is damaged.

    \b
    Example:
      grader seal check 05 --out public/challenges --key-file seal.key
    """
    agree = True
    for one in wanted:
        folder = _plain(one)
        different = _differences(folder, out / folder.name if out else folder)
        agree = agree and not different
        for line in different or ["sealed and plain agree"]:
            click.echo(printable(f"{folder.name}: {line}"))
    raise SystemExit(errors.EXIT_PASSED if agree else errors.EXIT_NOT_PASSED)


def _plain(wanted: str) -> Path:
    """Return the folder of a sound challenge whose hidden files are there as plain text."""
    folder = challenges.locate(wanted)
    if sealed.is_sealed(folder):
        raise UsageError(f"{folder} has no plain specs, only {sealed.FILE}. `grader seal open`?")
    challenges.load(folder)
    return folder


def _open(folder: Path, target: Path, force: bool) -> None:
    tar = _decrypted(folder)
    there = [target / name for name in sealed.HIDDEN if (target / name).exists()]
    if there and not force:
        raise FileExistsAlreadyError(
            f"{there[0]} already exists. Nothing was changed. --force replaces it."
        )
    target.mkdir(parents=True, exist_ok=True)
    # First all of it, and only then in the place of what is there.
    aside = target / f".opening-{secrets.token_hex(8)}"
    aside.mkdir(0o700)
    try:
        sealed.unpack(tar, folder / sealed.FILE, aside)
        for old in there:
            remove_tree(old)
        for path in aside.iterdir():
            path.rename(target / path.name)
    finally:
        remove_tree(aside)
    if target.resolve() != folder:
        sealed.copy_public(folder, target)


def _decrypted(folder: Path) -> bytes:
    from grader.opening import decrypted

    if not (folder / sealed.FILE).is_file():
        raise UsageError(f"There is no {folder / sealed.FILE}: nothing is sealed there.")
    return decrypted(folder)


def _differences(plain: Path, public: Path) -> list[str]:
    ours, theirs = sealed.listing(sealed.pack(plain)), sealed.listing(_decrypted(public))
    lines = [f"{name} is not sealed" for name in sorted(ours.keys() - theirs.keys())]
    lines += [f"{name} is only in {sealed.FILE}" for name in sorted(theirs.keys() - ours.keys())]
    both = sorted(ours.keys() & theirs.keys())
    lines += [f"{name} has changed since" for name in both if ours[name] != theirs[name]]
    for name in sealed.PUBLIC if public.resolve() != plain.resolve() else ():
        ours_now, beside = (sealed.public_file(one, name) for one in (plain, public))
        if _bytes(ours_now) != _bytes(beside):
            lines.append(f"{name} is not what lies beside {sealed.FILE}")
    return lines


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""
