"""What `grader verify` does: run it for each challenge, print, and write the tables."""

from __future__ import annotations

from collections.abc import Sequence

import click
import msgspec

from grader.challenge import Challenge, data_folder
from grader.specs_page import section
from grader.verify import Report, verify

PAGE = data_folder("challenges").parent / "docs" / "specs.md"


def run(wanted: Sequence[Challenge], seeds: int, write: bool) -> bool:
    """Verify every challenge of `wanted`; returns whether all is well."""
    good = True
    for challenge in wanted:
        report = verify(challenge, seeds, lambda name: click.echo(f"  {name}", err=True))
        _print(report)
        good = good and not report.problems
        if write:
            _write_known_mistakes(report)
            if challenge.in_kit:
                _write_section(report)
        elif _is_stale(report):
            good = False
            state = "stale" if challenge.known_mistakes_file.is_file() else "missing"
            cure = f"`grader verify {challenge.called} --write` writes it."
            click.echo(f"PROBLEM {challenge.key}: known_mistakes.json is {state}. {cure}")
    click.echo("all is well" if good else "not everything is well")
    return good


def _print(report: Report) -> None:
    c = report.challenge
    seeds, wrong = report.seeds, len(report.caught)
    click.echo(
        f"{c.id} {c.title}: {seeds} seed{'s' * (seeds != 1)}, {wrong} wrong solution{'s' * (wrong != 1)}"
    )
    for problem in report.problems:
        click.echo(f"PROBLEM {c.key}: {problem}")


def _is_stale(report: Report) -> bool:
    """Only the failed specs are compared: words about values may differ between machines."""
    wanted = {known.name: set(known.messages) for known in report.known_mistakes()}
    written = {known.name: set(known.messages) for known in report.challenge.known_mistakes()}
    return wanted != written


def _write_known_mistakes(report: Report) -> None:
    data = msgspec.json.format(msgspec.json.encode(report.known_mistakes()), indent=2)
    report.challenge.known_mistakes_file.write_bytes(data + b"\n")


def _write_section(report: Report) -> None:
    """Replace this challenge's section of docs/specs.md, or add it in order."""
    text = PAGE.read_text("utf-8") if PAGE.is_file() else ""
    _, *sections = text.split("\n## ")
    kept = [part for part in sections if not part.startswith(f"{report.challenge.id} ")]
    kept.append(section(report).removeprefix("## ").rstrip() + "\n")
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(_HEAD + "".join(f"\n## {part.rstrip()}\n" for part in sorted(kept)), "utf-8")


_HEAD = """# The specs, proven

Written by `grader verify --write`; do not edit. For every challenge: its specs, how many of the wrong
solutions each one catches, and what each wrong solution scores.
"""
