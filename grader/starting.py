"""`grader start`: puts the stub and the brief where the learner works."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from grader import sealed
from grader.challenge import Challenge
from grader.errors import FileExistsAlreadyError, UsageError


def start(challenge: Challenge, folder: Path, force: bool = False) -> tuple[Path, Path]:
    """Copy stub and brief into `folder`; returns their paths.

    Raises FileExistsAlreadyError rather than overwrite anything, unless `force`; UsageError where
    nothing can be written.
    """
    copies = {
        stub_of(challenge): folder / challenge.file_name,
        brief_of(challenge): folder / f"{challenge.key}.md",
    }
    try:
        _copy(copies, folder, force)
    except OSError as error:
        raise UsageError(
            f"Cannot write into {folder}: {error.strerror or error}. --to DIR writes elsewhere."
        ) from error
    stub, brief = copies.values()
    return stub, brief


def _copy(copies: Mapping[Path, Path], folder: Path, force: bool) -> None:
    there = [str(target) for target in copies.values() if target.exists()]
    if there and not force:
        raise FileExistsAlreadyError(
            f"{' and '.join(there)} already exist{'s' if len(there) == 1 else ''}. "
            "Nothing was changed. --force overwrites, --to DIR writes elsewhere."
        )
    folder.mkdir(parents=True, exist_ok=True)
    for source, target in copies.items():
        shutil.copyfile(source, target)


def started_file(challenge: Challenge) -> Path:
    """Return the learner's own file in the current folder, whether or not it exists."""
    return Path(challenge.file_name)


def stub_of(challenge: Challenge) -> Path:
    """Return the stub; raises UsageError where its author has not written it."""
    return _written(challenge.starter, f"{challenge.key} has no stub", challenge.home / sealed.STUB)


def brief_of(challenge: Challenge) -> Path:
    """Return the brief; raises UsageError where its author has not written it."""
    return _written(challenge.brief, f"{challenge.key} has no brief", challenge.home / "brief.md")


def solution_of(challenge: Challenge) -> Path:
    """Return the worked solution; raises UsageError where its author has not written it."""
    names = ", ".join(challenge.names)
    problem = f"{challenge.key} has no solution, which defines {names} and scores 100"
    return _written(challenge.solution, problem, challenge.home / "solution.py")


def _written(path: Path, problem: str, wanted: Path) -> Path:
    if not path.is_file():
        raise UsageError(f"{problem}. Write it: {wanted}")
    return path
