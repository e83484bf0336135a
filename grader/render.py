"""Scores and challenges as text for a terminal. Colour only where the terminal shows it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import msgspec
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from grader.challenge import Challenge
from grader.comparing import Comparison
from grader.spec_list import MAX_SCORE
from leaderboard.score import CurvePoint, Score, SpecResult
from leaderboard.table import metric_text
from leaderboard.text import clip, printable

MARKS = {"passed": "✓", "failed": "✗", "skipped": "–", "not_run": "·"}
COLOURS = {"passed": "green", "failed": "red", "skipped": "dim", "not_run": "dim"}
BARS = "▁▂▃▄▅▆▇█"
WALL_NAMES = {
    "strong": "strong walls (bubblewrap)",
    "medium": "medium walls (sandlock)",
    "weak": "weak walls (plain process)",
    "none": "not run",
}
LINES_SHOWN = 6
PLAIN_WIDTH = 110
HINT = re.compile(r"<details>\s*<summary>(.*?)</summary>(.*?)</details>", re.DOTALL)


def console(stderr: bool = False) -> Console:
    """Return a console that knows NO_COLOR and pipes; a pipe gets a fixed, generous width."""
    made = Console(stderr=stderr, highlight=False, soft_wrap=False)
    return (
        made
        if made.is_terminal
        else Console(stderr=stderr, highlight=False, width=PLAIN_WIDTH, color_system=None)
    )


def score_table(score: Score, out: Console, verbose: bool = False, path: str | None = None) -> None:
    """Print a score: one row per spec, what failed and why, the total, advice, walls, and its file."""
    for part in score_parts(score, Detail(verbose)):
        out.print(part)
    if path:
        out.print(Text(f"score written to {printable(path)}", style="dim"), soft_wrap=True)


class Detail(msgspec.Struct, frozen=True):
    """How much of a table is shown."""

    verbose: bool = False
    passing: bool = True
    """Rows that pass as they did before."""
    skipped: bool = True
    """Rows of what was not tried, with the reason."""
    lines: int = LINES_SHOWN
    """Lines of a message, where `verbose` does not show them all."""


def score_parts(
    score: Score, detail: Detail, changed: Comparison | None = None
) -> list[RenderableType]:
    """Return a score as what a console prints, top to bottom; `changed` marks the rows that it names."""
    parts: list[RenderableType] = [_headline(score), _spec_table(score, detail, changed)]
    if score.message:
        parts.append(Text(printable(score.message, multiline=True), style="red"))
    parts.append(_total(score))
    if score.advice:
        parts.append(Text(printable(score.advice), style="yellow"))
    if score.curve:
        parts.append(Text(_curve(score.curve)))
    if score.output and (detail.verbose or score.status not in ("graded",)):
        parts.append(Text("printed by the hand-in:", style="dim"))
        parts.append(Text(clip(printable(score.output, multiline=True), 4000), style="dim"))
    parts.append(Text(_footer(score, detail.verbose), style="dim"))
    return parts


def _spec_table(score: Score, detail: Detail, changed: Comparison | None) -> Table:
    table = Table.grid(padding=(0, 1))
    if changed is not None:
        # Always there, so that the table stands still when something changes.
        table.add_column(justify="right", no_wrap=True, min_width=3)
    for _ in range(3):
        table.add_column(justify="left")
    table.columns[-2].justify = "right"
    table.columns[-2].no_wrap = True
    told, hidden = "", Counter[str]()
    for spec in score.specs if _shows_specs(score) else ():
        mark = [] if changed is None else [_change(spec, changed)]
        kept = {"passed": detail.passing, "skipped": detail.skipped}.get(spec.outcome, True)
        if kept or any(mark):
            repeated = spec.message != "" and spec.message == told
            told = spec.message
            table.add_row(*mark, *_row(spec, detail, repeated))
        else:
            hidden[spec.outcome] += 1
    for outcome, words in (("skipped", "not tried yet"), ("passed", "more pass")):
        if hidden[outcome]:
            lead = [] if changed is None else [Text()]
            sign = Text(MARKS[outcome], style=COLOURS[outcome])
            table.add_row(*lead, sign, Text(), Text(f"{hidden[outcome]} {words}", style="dim"))
    return table


def _change(spec: SpecResult, changed: Comparison) -> Text:
    points = str(spec.points or "")
    if spec in changed.gained:
        return Text(f"+{points}" if points else "▲", style="bold green")
    if spec in changed.lost:
        return Text(f"−{points}" if points else "▼", style="bold red")
    return Text()


def challenge_table(rows: Sequence[tuple[Challenge, Score | None]]) -> str:
    """Return the challenges with the best score so far, as plain text."""
    from tabulate import tabulate

    cells = [(c.id, c.title, c.guide, MAX_SCORE, _best(best)) for c, best in rows]
    return tabulate(
        cells,
        headers=["id", "title", "study guide", "points", "best"],
        tablefmt="simple",
        disable_numparse=True,
    )


def _best(score: Score | None) -> str:
    return "–" if score is None else f"{score.score} ({clip(printable(score.team), 40)})"


def sparkline(values: Sequence[float], width: int = 60) -> str:
    """Return values as a line of bars, lowest to highest; longer series are thinned to `width`."""
    if not values:
        return ""
    if len(values) > width:
        values = [values[number * (len(values) - 1) // (width - 1)] for number in range(width)]
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    return "".join(BARS[round((value - low) / span * (len(BARS) - 1))] for value in values)


def _headline(score: Score) -> Text:
    name = printable(score.submission.name)
    return Text.assemble(
        (printable(f"{score.challenge.id} {score.challenge.title}"), "bold"),
        f"  {clip(name, 60)}  by {clip(printable(score.team), 40)}",
    )


def _shows_specs(score: Score) -> bool:
    return any(spec.outcome != "not_run" for spec in score.specs)


def _is_remark(spec: SpecResult) -> bool:
    """Whether a spec without points has something to say."""
    return spec.points == 0 and spec.outcome == "failed"


def _row(spec: SpecResult, detail: Detail, repeated: bool) -> tuple[Text, Text, Text]:
    colour = "yellow" if _is_remark(spec) else COLOURS[spec.outcome]
    told = Text(
        printable(spec.title), style="dim" if spec.outcome in ("skipped", "not_run") else ""
    )
    if spec.outcome == "not_run":
        told.append(" (not run)")
    lines = printable(spec.message, multiline=True).splitlines()
    lines = ["(the same)"] if repeated and not detail.verbose else lines
    for line in lines if detail.verbose else lines[: detail.lines]:
        told.append(f"\n  {line}", style="dim" if spec.outcome == "skipped" else colour)
    if detail.verbose:
        told.append(f"  ({printable(spec.name)}, {spec.seconds:.2f} s)", style="dim")
    mark = Text("!" if _is_remark(spec) else MARKS[spec.outcome], style=colour)
    points = f"{spec.earned}/{spec.points}" if spec.points else ""
    return mark, Text(points, style=colour), told


def verdict_words(score: Score) -> tuple[str, str]:
    """Return the points with the verdict in words, and its colour."""
    words = "passed" if score.passed else "not passed yet"
    if score.status != "graded":
        words = score.status.replace("_", " ")
    colour = "bold green" if score.passed else "bold red"
    return f"{score.score}/{score.max_score}  {words}", colour


def _total(score: Score) -> Text:
    text = Text.assemble(verdict_words(score))
    remarks = sum(map(_is_remark, score.specs))
    if remarks and score.status == "graded":
        text.append(f"  {remarks} remark{'s' * (remarks > 1)}, worth no points", style="yellow")
    if score.metric is not None:
        error = score.metric.stderr
        digits = f"{error or 0:.{score.metric.precision}f}"
        spread = f" ± {digits} (standard error)" if error is not None else ""
        text.append(f"  {printable(score.metric.name)} {metric_text(score.metric)}{spread}")
        text.append(f" ({score.metric.order} is better)", style="dim")
    return text


def _curve(points: Sequence[CurvePoint]) -> str:
    losses = [point.loss for point in points if point.loss is not None]
    if not losses:
        return ""
    line = sparkline(losses)
    return f"loss while training, as reported: {losses[0]:.2f} {line} {losses[-1]:.2f}"


def _footer(score: Score, verbose: bool) -> str:
    parts = [
        WALL_NAMES[score.walls],
        score.device.type,
        f"{score.usage.wall_s:.1f} s",
        f"{score.usage.peak_mb:.0f} MiB",
    ]
    if verbose:
        parts += [f"seed {score.seed}", f"id {score.id}", f"torch {score.environment.torch}"]
    # Of a record in a shared folder every field may be a stranger's.
    return printable(" · ".join(parts))


def brief_text(challenge: Challenge, hints: int = 0) -> str:
    """Return the brief, rendered for the terminal that standard output is, with so many hints open."""
    from rich.markdown import Markdown

    out = console()
    text = _fold(challenge.brief.read_text("utf-8"), hints)
    with out.capture() as captured:
        out.print(Markdown(text), width=min(out.width, 100))
    return captured.get()


def hints(challenge: Challenge) -> list[tuple[str, str]]:
    """Return the hints of the brief: the heading and the Markdown of each."""
    found = HINT.findall(challenge.brief.read_text("utf-8"))
    return [(heading.strip(), body.strip()) for heading, body in found]


def _fold(text: str, opened: int) -> str:
    """Markdown for a terminal has no folding: a hint stays a line until it is asked for."""
    number = 0

    def hint(match: re.Match[str]) -> str:
        nonlocal number
        number += 1
        body = match[2] if number <= opened else f"(folded; `--hints {number}` opens it)"
        return f"**{match[1].strip()}**\n\n{body.strip()}\n"

    return HINT.sub(hint, text)
