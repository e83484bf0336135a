"""The specs of a challenge as its author wrote them down: names, points, titles and needs.

They are read from the source's syntax tree and nothing of it runs, so the supervisor knows what a
complete report must contain before the judge starts.
"""

from __future__ import annotations

import ast
import difflib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from grader.errors import ChallengeError

MAX_SCORE: Final = 100
_MARK: Final = re.compile(r"pytest\.mark\.(\w+)\((.*)\)", re.DOTALL)


class Spec(msgspec.Struct, frozen=True):
    """One hidden spec as the learner may know it.

    One without points is a remark: it looks at what the hand-in's own process says of itself, which a
    hostile one could forge, so that it may tell but not score.
    """

    name: str
    title: str
    points: int
    needs: tuple[str, ...]
    private: bool = False
    """Whether an event may keep it to itself until it is over."""


def read(folder: Path, private: Sequence[str]) -> tuple[Spec, ...]:
    """Return the specs of a challenge folder, in order; `private`: the names that its toml lists.

    Raises ChallengeError, with the name of the file, where they contradict themselves.
    """
    specs, files = [], {}
    for path in sorted((folder / "specs").glob("test_*.py")):
        where = f"{folder.name}/specs/{path.name}"
        for one in _in_file(path, where, private):
            if one.name in files:
                raise ChallengeError(f"{where}: two specs are called {one.name}")
            files[one.name] = where
            specs.append(one)
    total = sum(spec.points for spec in specs)
    if total != MAX_SCORE:
        raise ChallengeError(f"{folder.name}/specs: the points sum to {total}, not {MAX_SCORE}")
    _check_needs(specs, files)
    _check_private(specs, files, f"{folder.name}/challenge.toml: private", private)
    return tuple(specs)


def near(wanted: str, names: Sequence[str]) -> str:
    """Return the question whether a name like the wanted one is meant; empty if none is like it."""
    close = difflib.get_close_matches(wanted, names, n=2)
    return f" Did you mean {' or '.join(close)}?" if close else ""


def _in_file(path: Path, where: str, private: Sequence[str]) -> Iterator[Spec]:
    try:
        body = ast.parse(path.read_text("utf-8"), path.name).body
    except (OSError, SyntaxError, ValueError) as error:
        raise ChallengeError(f"{where}: {error}") from error
    for node in body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield _spec(node, f"{where}: {node.name}", private)
        elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            raise ChallengeError(f"{where}: {node.name}: specs are functions, not classes")


def _spec(node: ast.FunctionDef, where: str, private: Sequence[str]) -> Spec:
    marks = dict(_mark(decorator, where) for decorator in node.decorator_list)
    title = (ast.get_docstring(node) or "").partition("\n")[0].strip()
    if not title:
        raise ChallengeError(f"{where} has no docstring. Its first line is what the learner reads.")
    if "points" not in marks:
        raise ChallengeError(f"{where} has no points. Mark it with @pytest.mark.points(n).")
    points = marks["points"]
    if len(points) != 1 or type(points[0]) is not int or points[0] < 0:
        given = ", ".join(map(repr, points))
        raise ChallengeError(f"{where} has points({given}). It takes one whole number n ≥ 0.")
    return Spec(node.name, title, points[0], marks.get("needs", ()), node.name in private)


def _mark(decorator: ast.expr, where: str) -> tuple[str, tuple[Any, ...]]:
    text = ast.unparse(decorator)
    match = _MARK.fullmatch(text)
    if not match or match[1] not in ("points", "needs"):
        raise ChallengeError(
            f"{where} is marked with @{text}. Only points(n) and needs(name, ...) mark a spec."
        )
    assert isinstance(decorator, ast.Call)
    try:
        return match[1], tuple(ast.literal_eval(argument) for argument in decorator.args)
    except ValueError:
        raise ChallengeError(f"{where}: @{text}: points and needs take literals") from None


def _check_needs(specs: Sequence[Spec], files: dict[str, str]) -> None:
    worth: dict[str, int] = {}
    for spec in specs:
        where = f"{files[spec.name]}: {spec.name}"
        for needed in spec.needs:
            if needed not in worth:
                question = near(needed, list(worth))
                raise ChallengeError(
                    f"{where} needs {needed}, which no earlier spec is called.{question}"
                )
            if spec.points and not worth[needed]:
                # Else whoever forges the remark would gain the points that hang on it.
                raise ChallengeError(f"{where} has points and needs {needed}, which has none")
        worth[spec.name] = spec.points


def _check_private(
    specs: Sequence[Spec], files: dict[str, str], where: str, private: Sequence[str]
) -> None:
    hidden = {spec.name for spec in specs if spec.private}
    unknown = sorted(set(private) - hidden)
    if unknown:
        question = near(unknown[0], list(files))
        raise ChallengeError(f"{where}: no spec {unknown[0]}.{question}")
    if not any(spec.points for spec in specs if not spec.private):
        raise ChallengeError(f"{where}: no public spec has points")
    for spec in specs:
        needed = hidden & set(spec.needs)
        if needed and not spec.private:
            # Else its being skipped would tell of a spec that nobody is to hear of.
            raise ChallengeError(
                f"{where}: {spec.name} is public and needs {min(needed)}, which is private "
                f"({files[spec.name]}). List both or neither."
            )
