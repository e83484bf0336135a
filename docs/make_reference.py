"""Write docs/reference.md from the command line and the types: ``python docs/make_reference.py``.

What it says is what the code says of itself: the help of each command, and the fields of what people
write and read (a score, the rules of an event, a challenge's limits) with their docstrings.
"""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from grader import challenge, errors
from grader.cli import main as grader
from leaderboard import event, score

PAGE: Final = Path(__file__).parent / "reference.md"
TYPES: Final = (
    ("The score", score, ("Score", "ChallengeInfo", "SubmissionInfo", "Metric", "SpecResult")),
    ("", score, ("CurvePoint", "DeviceInfo", "LimitsInfo", "Usage", "Environment")),
    ("The rules of an event", event, ("Event", "Entry", "Team")),
    ("The limits of a hand-in", challenge, ("Limits",)),
)
HEAD: Final = """# Reference

Made by `python docs/make_reference.py` from the command line's own help and the types' own words;
a test keeps it current.
"""


def document() -> str:
    """Return the page."""
    parts = [HEAD, "## Commands\n"]
    parts += list(_commands(grader, "grader"))
    parts.append(_exit_codes())
    for title, module, names in TYPES:
        if title:
            parts.append(f"## {title}\n")
        parts += [_type(module, name) for name in names]
    return "\n".join(parts).rstrip() + "\n"


def _commands(group: click.Group, path: str) -> Iterator[str]:
    for name in sorted(group.commands):
        command = group.commands[name]
        if isinstance(command, click.Group):
            yield from _commands(command, f"{path} {name}")
        else:
            yield _command(command, f"{path} {name}")


def _command(command: click.Command, path: str) -> str:
    context = click.Context(command, info_name=path)
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    told, _, example = inspect.cleandoc(command.help or "").partition("\b\n")
    lines = [f"### {path}\n", f"```text\n{usage}\n```\n", told.strip() + "\n"]
    if example:
        code = textwrap.dedent(example.partition("\n")[2]).strip()
        lines.append(f"```sh\n{code}\n```\n")
    rows = [_option(one, context) for one in command.params if isinstance(one, click.Option)]
    if rows:
        lines.append("| option | |\n|---|---|\n" + "\n".join(rows) + "\n")
    return "\n".join(lines)


def _option(option: click.Option, context: click.Context) -> str:
    names, told = option.get_help_record(context) or (", ".join(option.opts), "")
    return f"| `{_cell(names)}` | {_cell(told)} |"


def _exit_codes() -> str:
    found = {name: value for name, value in vars(errors).items() if name.startswith("EXIT_")}
    rows = [
        f"| {value} | {name.removeprefix('EXIT_').lower().replace('_', ' ')} |"
        for name, value in sorted(found.items(), key=lambda item: item[1])
    ]
    return "### Exit codes\n\n| code | |\n|--:|---|\n" + "\n".join(rows) + "\n"


def _type(module: Any, name: str) -> str:
    """Return the fields of a class, with the docstring that may follow each."""
    tree = ast.parse(inspect.getsource(getattr(module, name)))
    (node,) = tree.body
    assert isinstance(node, ast.ClassDef)
    rows = [
        f"| `{field}` | `{_cell(kind)}` | {_cell(default)} | {_cell(told)} |"
        for field, kind, default, told in _fields(node)
    ]
    told = inspect.cleandoc(ast.get_docstring(node) or "")
    head = "| field | type | default | |\n|---|---|---|---|\n"
    return f"### {name}\n\n{told}\n\n{head}" + "\n".join(rows) + "\n"


def _fields(node: ast.ClassDef) -> Iterator[tuple[str, str, str, str]]:
    for here, after in zip(node.body, [*node.body[1:], None], strict=True):
        if not isinstance(here, ast.AnnAssign) or not isinstance(here.target, ast.Name):
            continue
        told = ""
        if isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            told = inspect.cleandoc(str(after.value.value)).replace("\n", " ")
        default = f"`{ast.unparse(here.value)}`" if here.value else ""
        yield here.target.id, ast.unparse(here.annotation), default, told


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", r"\|")


if __name__ == "__main__":
    PAGE.write_text(document(), encoding="utf-8", newline="\n")
    print(PAGE)
