"""docs/specs.md: one section per challenge, from what `verify` found."""

from __future__ import annotations

from grader.tamper_names import DETACHED
from grader.verify import Caught, Report


def section(report: Report) -> str:
    """Return the Markdown section of one challenge."""
    c = report.challenge
    lines = [f"## {c.id} {c.title}", ""]
    lines += [
        f"{_summary(report)}",
        "",
        "| spec | points | wrong solutions it catches |",
        "|---|--:|--:|",
    ]
    for spec in c.specs:
        worth = spec.points or "remark"
        lines.append(f"| {_cell(spec.title)} | {worth} | {report.catches(spec.name)} |")
    numbers = {spec.name: number for number, spec in enumerate(c.specs, 1)}
    lines += ["", "| wrong solution | score | fails specs |", "|---|--:|---|"]
    lines += [_row(row, numbers) for row in report.caught]
    return "\n".join(lines) + "\n"


def _summary(report: Report) -> str:
    exempt = report.challenge.verify.exempt
    seconds = f" {len(report.second)} solutions in other styles score 100." if report.second else ""
    seeds = "one seed" if report.seeds == 1 else f"{report.seeds} seeds"
    told = f"Over {seeds} the solution scores 100 and the starter 0.{seconds} "
    replaced = ", ".join(name for name in report.tampered if name != DETACHED)
    told += f"With its answers replaced ({replaced}) the solution scores 0."
    if DETACHED in report.tampered:
        told += f" Cut from the graph, it scores {report.tampered[DETACHED][0]}."
    for name, reason in exempt.items():
        told += f" Exempt from {name}: {reason}."
    return told


def _row(row: Caught, numbers: dict[str, int]) -> str:
    caught = set(row.wrong.caught_by)
    failed = [f"**{numbers[n]}**" if n in caught else str(numbers[n]) for n in row.failed[0]]
    score = str(row.scores[0]) if row.scores else "–"
    if row.wrong.status != "graded":
        score = row.wrong.status
    return f"| {_cell(row.wrong.title)} | {score} | {', '.join(failed)} |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
