"""Real git repositories, and the command that grades what they hand in."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from git_repository import Git

from grader.challenge import Challenge
from grader.cli import main

SECRET = "hush-5f1c2e"
LAYOUT = "hand-ins/{team}/{file}"
PART = '"""A half."""\n\n\ndef double(x):\n    return x * 2\n\n\n'
PART += "def row_means(x):\n    return x.sum()\n\n\nclass Affine:\n    pass\n"


@pytest.fixture
def git(tmp_path: Path) -> Git:
    """A bare repository without a commit."""
    return Git(tmp_path / "repository.git", "--bare")


class Place:
    """A repository of hand-ins for the mini challenge, with a first commit."""

    def __init__(self, git: Git, folder: Path, mini: Challenge) -> None:
        self.git, self.folder, self.mini = git, folder, mini
        self.right = mini.solution.read_text("utf-8")
        self.part = PART
        self.base = git.commit({"README.md": "Hand in below hand-ins/."}, branch="main")
        self.out = folder / "out"

    def commit(self, files: dict[bytes | str, bytes | str], **more: Any) -> str:
        """Commit onto the base."""
        return self.git.commit(files, onto=self.base, **more)

    def run(self, head: str, *more: str, base: str = "", command: str = "grade") -> Done:
        """Run `grader ci` on what a commit changes."""
        where = ["--repo", str(self.git.path), "--base", base or self.base, "--head", head]
        layout = [] if {"--team", "--hand-ins"} & set(more) else ["--hand-ins", LAYOUT]
        arguments = [*where, *layout, "--challenge", str(self.mini.folder)]
        result = CliRunner().invoke(main, ["ci", command, *arguments, *more], prog_name="grader")
        assert result.exception is None or isinstance(result.exception, SystemExit), (
            result.exception
        )
        return Done(result.exit_code, result.stdout, result.stderr)

    def report(self, head: str, *more: str, **named: str) -> tuple[int, dict[str, Any]]:
        """The exit code and the report as JSON; everything is written to `out` as well."""
        done = self.run(head, "--format", "json", "--out", str(self.out), *more, **named)
        assert done.out, done.err
        return done.code, json.loads(done.out)

    def written(self) -> str:
        """Everything that was written, as one text."""
        files = [path for path in self.out.rglob("*") if path.is_file()]
        return "\n".join(path.read_text("utf-8") for path in files)


class Done:
    """How a command has ended."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def place(git: Git, tmp_path: Path, mini: Challenge, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A repository of hand-ins, and a secret in the environment that nothing may tell."""
    for name in ("KIT_SECRET", "GITHUB_TOKEN", "GRADER_KEY"):
        monkeypatch.setenv(name, SECRET)
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    return Place(git, tmp_path, mini)


Commit = Callable[..., str]
