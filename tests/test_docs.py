"""What README and docs say is what there is."""

import re
from pathlib import Path

import click
import pytest

from grader import challenge as challenges
from grader.cli import main

ROOT = Path(__file__).parent.parent
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]


def first_block(page: Path) -> list[str]:
    """Return the lines of the first code block of a page."""
    return page.read_text("utf-8").split("```")[1].splitlines()[1:]


def test_readme_begins_with_exactly_two_commands() -> None:
    """A newcomer finds two commands: the first grades challenge 05, the second passes the tests."""
    first, second = first_block(ROOT / "README.md")

    assert first.endswith("grader grade 05 challenges/05_tiny_gpt/solution.py")
    assert second.endswith("pytest -q")


def test_every_grader_command_in_the_docs_exists() -> None:
    """A command line in a code block names a command of the grader and options that it has."""
    for page in PAGES:
        for block in re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            for words in re.findall(r"\bgrader ([a-z]+)([^\n&#]*)", block):
                name, rest = words
                assert name in main.commands, f"{page.name}: grader {name}"
                command = main.commands[name]
                if isinstance(command, click.Group):
                    part = rest.split()[0]
                    if name == "seal" and part not in command.commands:
                        part = "close"  # which may be left out
                    assert part in command.commands, f"{page.name}: grader {name} {part}"
                    command = command.commands[part]
                known = {opt for p in command.params for opt in p.opts}
                for option in re.findall(r"(?<!\S)--[a-z-]+", rest):
                    assert option in known, f"{page.name}: grader {name} {option}"


def test_every_command_is_documented() -> None:
    """Each command of the grader appears in README or docs."""
    text = "\n".join(page.read_text("utf-8") for page in PAGES)
    names = list(main.commands)
    for name, command in main.commands.items():
        if isinstance(command, click.Group):
            names += [f"{name} {part}" for part in command.commands]

    assert [name for name in names if f"grader {name}" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every relative link of a page leads to a file that exists."""
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def test_readme_lists_every_challenge() -> None:
    """The table of challenges is complete and calls them by their titles."""
    text = (ROOT / "README.md").read_text("utf-8")

    for one in challenges.all_challenges():
        assert f"| {one.id} | {one.title} |" in text


def test_specs_page_is_current() -> None:
    """docs/specs.md has a row for every spec and every wrong solution, and none for others."""
    text = (ROOT / "docs" / "specs.md").read_text("utf-8")

    for one in challenges.all_challenges():
        section = text.partition(f"## {one.id} ")[2].partition("\n## ")[0]
        assert section.count("\n| ") - 2 == len(one.specs) + len(one.wrong), one.key
        for spec in one.specs:
            assert f"| {spec.title} | {spec.points or 'remark'} |" in section, spec.name


def test_every_challenge_ships_what_it_must() -> None:
    """Brief with three hints, stub, solution, at least ten specs and twelve wrong solutions."""
    for one in challenges.all_challenges():
        assert one.brief.read_text("utf-8").count("<summary>") >= 3, one.key
        assert one.starter.is_file(), one.key
        assert one.solution.is_file(), one.key
        assert len(one.specs) >= 10, one.key
        assert len(one.wrong) >= 12, one.key
        assert {m.name for m in one.known_mistakes()} <= {path.stem for path in one.wrong}
        assert one.known_mistakes(), one.key


def test_constraints_begin_with_torch() -> None:
    """The pin of torch stands first, because a plain `torch` may pull gigabytes."""
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]

    assert pins[0].startswith("torch==")
    assert all(re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.]+", pin) for pin in pins)
