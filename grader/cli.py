"""The command line: parse, call one function, print."""

from __future__ import annotations

import click

from grader import challenge as challenges


@click.group()
def main() -> None:
    """PyTorch challenges, graded."""


@main.command()
@click.argument("ids", nargs=-1)
@click.option("--seeds", default=1)
@click.option("--write", is_flag=True)
def verify(ids: tuple[str, ...], seeds: int, write: bool) -> None:
    """Test the tests."""
    from grader.verify import verify as check

    failed = False
    for one in [challenges.find(i) for i in ids] or challenges.all_challenges():
        report = check(one, seeds, lambda name: click.echo(f"  {name}", err=True))
        click.echo(f"{one.id}: solution {report.solution} starter {report.starter}")
        for name, scores in report.tampered.items():
            click.echo(f"  tampered {name}: {scores}")
        for name, scores in report.second.items():
            click.echo(f"  second {name}: {scores}")
        for row in report.caught:
            click.echo(f"  wrong {row.wrong.path.stem}: {row.scores} {row.failed[0]}")
        for problem in report.problems:
            click.echo(f"PROBLEM {problem}")
        failed |= bool(report.problems)
    raise SystemExit(failed)


@main.command()
@click.argument("which")
@click.argument("path")
@click.option("--seed")
def grade(which: str, path: str, seed: str | None) -> None:
    """Grade."""
    from grader.grading import Attempt, grade

    s = grade(path, Attempt(challenges.find(which), "me", seed=seed))
    click.echo(f"{s.status} {s.message} {s.score} {s.usage} {s.metric} {s.advice}")
    for x in s.specs:
        click.echo(f"{x.outcome} {x.earned}/{x.points} {x.name} {x.seconds}\n    {x.message}")
    click.echo(s.output[-3000:])
