"""Compiles and imports the hand-in, and puts its exceptions into words. Needs no torch."""

from __future__ import annotations

import inspect
import linecache
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType

from . import wire

MESSAGE_KEPT = 2000
LINES_KEPT = 12


_own_names: set[str] = set()


def compile_source(path: Path, shown_name: str | None = None) -> CodeType:
    """Compile the file under the name that tracebacks shall show.

    Raises SyntaxError, or ValueError (NUL bytes, not UTF-8).
    """
    # A byte order mark and CRLF are ordinary on Windows; "utf-8-sig" and the compiler take both.
    source = path.read_bytes().decode("utf-8-sig")
    return compile(source, shown_name or path.name, "exec", dont_inherit=True)


def execute(code: CodeType, path: Path, name: str, own: bool = True) -> ModuleType:
    """Run `code` as the module `name` and return it; raises whatever the module raises.

    `own`: whether it is the learner's, so that its lines are shown in tracebacks.
    """
    module = ModuleType(name)
    module.__file__ = str(path)
    # Dataclasses and typing.get_type_hints look their module up here.
    sys.modules[name] = module
    shown = code.co_filename
    lines = path.read_bytes().decode("utf-8-sig").splitlines(keepends=True)
    # Seeded by hand: the name that the learner sees is not a path.
    linecache.cache[shown] = (0, None, lines, shown)
    if own:
        _own_names.add(shown)
    exec(code, module.__dict__)
    return module


def unusable(module: ModuleType, names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return which of `names` the module lacks, and which are abstract classes."""
    missing = [name for name in names if not callable(getattr(module, name, None))]
    abstract = [name for name in names if inspect.isabstract(getattr(module, name, None))]
    return missing, abstract


def describe(error: BaseException, number: int, folder: Path) -> wire.Raised:
    """Return `error` as a message, with the traceback lines that lie in the hand-in only."""
    types = [base.__name__ for base in type(error).__mro__ if base is not object]
    lines = []
    for frame in traceback.extract_tb(error.__traceback__):
        file = _own_file(frame.filename, folder)
        if file:
            text = (frame.line or "")[:200]
            lines.append(wire.Line(file, frame.lineno or 0, frame.name, text))
    if isinstance(error, SyntaxError):
        lines = _syntax_line(error)
    return wire.Raised(number, types, _message(error), lines[-LINES_KEPT:])


def _syntax_line(error: SyntaxError) -> list[wire.Line]:
    text = (error.text or "").rstrip("\n")
    caret = " " * max((error.offset or 1) - 1, 0) + "^"
    line = f"{text[:200]}\n{caret[:200]}" if text else ""
    return [wire.Line(str(error.filename or ""), error.lineno or 0, "", line)]


def _own_file(filename: str, folder: Path) -> str | None:
    """Return the name to show for a file of the hand-in, None for any other file."""
    if filename in _own_names:
        return filename
    path = Path(filename)
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else None


def _message(error: BaseException) -> str:
    text = error.msg if isinstance(error, SyntaxError) else None
    if text is None:
        try:
            text = str(error)
        except Exception:
            text = "(the exception could not be put into words)"
    return text[:MESSAGE_KEPT].encode("utf-8", "replace").decode("utf-8")
