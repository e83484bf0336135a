"""What `grader doctor` prints."""

from __future__ import annotations

import click
import msgspec
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from grader.doctor import Report, WallReport, examine
from grader.render import console
from leaderboard.score import Walls
from leaderboard.text import printable


def run(required: Walls | None, as_json: bool) -> Report:
    """Examine the walls of this machine and print what was found."""
    report = examine()
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    else:
        print_report(report, required, console())
    return report


def print_report(report: Report, required: Walls | None, out: Console) -> None:
    """Print a table of the walls, what came through each, and what `grade` will use."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for title in (
        "",
        "wall",
        "level",
        "escapes stopped",
        "what came through, or why it is missing",
    ):
        table.add_column(title, overflow="fold")
    for wall in report.walls:
        table.add_row(*_row(wall))
    out.print(table)
    out.print()
    out.print(f"grader grade uses {report.chosen} ({report.level}).")
    devices = ", ".join(printable(name) for name in report.cuda_devices) or "none"
    out.print(Text(f"CUDA devices: {devices}"))
    if report.leaks:
        out.print(Text("A wall lets through what it must not: do not rely on it.", style="red"))
    if required is not None and not report.holds(required):
        out.print(Text(f"The required level {required} does not stand.", style="red"))
    if report.remedies:
        out.print("For a stronger wall:")
        for remedy in report.remedies:
            out.print(Padding(Text(remedy), (0, 0, 0, 2)))


def _row(wall: WallReport) -> list[Text]:
    if wall.missing is not None:
        cells = ["–", wall.name, wall.level, "", printable(wall.missing)]
        return [Text(cell, style="dim") for cell in cells]
    stopped = sum(one.stopped for one in wall.escapes)
    known = "; ".join(one.title for one in wall.escapes if one.known)
    leaks = "; ".join(one.title for one in wall.leaks)
    came = Text(known and f"known: {known}", style="yellow")
    if leaks:
        came = Text(f"NOT KNOWN: {leaks}. ", style="red") + came
    mark = Text("✓", style="green") if wall.stands else Text("✗", style="red")
    count = f"{stopped} of {len(wall.escapes)}"
    return [mark, Text(wall.name), Text(wall.level), Text(count), came or Text("nothing")]
