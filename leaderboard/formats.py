"""The formats: those of tabulate, and JSON and CSV for programs.

Names come from strangers. In each format they are escaped so that they stay one cell.
"""

import csv
import difflib
import io
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tabulate import tabulate, tabulate_formats

from leaderboard.errors import UnknownFormatError
from leaderboard.text import clip, printable, printable_json

FORMATS: tuple[str, ...] = tuple(sorted({*tabulate_formats, "csv", "json", "markdown"}))
DEFAULT_FORMAT = "simple"
FOR_PROGRAMS = ("csv", "json")
MAX_NAME = 48
NOTHING = "-"
# Also in the width that keyboards for Chinese and Japanese type.
_FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")

# The same tables under a plainer name, or with the escaping that these two leave out.
_SAME_FORMAT = {"markdown": "pipe", "unsafehtml": "html", "latex_raw": "latex"}
_MARKDOWN = re.compile(r"[\\`*_\[\]<>|~&$:!#]|(?<=www)\.")
_MARKUP = re.compile(r"(?![.,-])[!-/:-@\[-`{-~]")
_BACKSLASHED = re.compile(r"[!-/:-@\[-`{-~]")


class Stranger(str):
    """Text from a stranger: `grid` escapes it for the format; other cells are the kit's own."""

    __slots__ = ()


def shown(name: str, width: int = MAX_NAME) -> Stranger:
    """A stranger's name as a cell: printable, of bounded width, and never blank."""
    # Blank at an end would be dropped by tabulate, and two teams would look like one.
    visible = name if name == name.strip() and name else repr(name)
    return Stranger(clip(printable(visible), width))


def check_format(fmt: str) -> None:
    """Raise `UnknownFormatError`, with near matches, unless there is such a format."""
    if fmt not in FORMATS:
        raise UnknownFormatError(_unknown(fmt))


def grid(columns: Sequence[tuple[str, str]], cells: Iterable[Sequence[str]], fmt: str) -> str:
    """A table in a format of tabulate; `columns` are headings with their alignments."""
    fmt = _SAME_FORMAT.get(fmt, fmt)
    escape = _ESCAPES.get(fmt, str)
    lines = [[_escaped(cell, escape) for cell in line] for line in cells]
    return tabulate(
        lines,
        headers=[_escaped(heading, escape) for heading, _ in columns],
        tablefmt=fmt,
        colalign=[align for _, align in columns] if lines else None,
        disable_numparse=True,
    )


def json_text(document: Any) -> str:
    """Plain data as JSON, safe to print."""
    return printable_json(json.dumps(document, indent=2, ensure_ascii=False))


def csv_text(columns: Sequence[str], records: Iterable[Mapping[str, Any]]) -> str:
    """Records as CSV with a line of headings, without a newline at the end."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([csv_cell(name) for name in columns])
    writer.writerows([csv_cell(record[name]) for name in columns] for record in records)
    return file.getvalue().removesuffix("\n")


def csv_cell(value: Any) -> Any:
    """A value for CSV: text that a spreadsheet would run as a formula gets an apostrophe before it."""
    if not isinstance(value, str):
        return value
    return printable(f"'{value}" if is_formula(value) else value)


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would run a cell of this text."""
    return text.lstrip().startswith(_FORMULA)


def _escaped(cell: str, escape: Callable[[str], str]) -> str:
    return escape(cell) if isinstance(cell, Stranger) else cell


def _escape_markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\g<0>", text)


def _escape_references(text: str) -> str:
    """Write punctuation as character references: shown as it is, and never markup of the language."""
    return _MARKUP.sub(lambda match: f"&#{ord(match[0])};", text)


def _escape_backslash(text: str) -> str:
    return _BACKSLASHED.sub(r"\\\g<0>", text)


def _escape_org(text: str) -> str:
    """Part the signs of Org's syntax by an entity of no width; it has no other escape."""
    named = {"\\": r"\backslash{}", "|": r"\vert{}"}
    return _MARKUP.sub(lambda match: named.get(match[0], rf"{match[0]}\zwnj{{}}"), text)


_ESCAPES: dict[str, Callable[[str], str]] = {
    "github": _escape_markdown,
    "pipe": _escape_markdown,
    "asciidoc": _escape_references,
    "jira": _escape_backslash,
    "youtrack": _escape_backslash,
    "rst": _escape_backslash,
    "mediawiki": _escape_references,
    "moinmoin": _escape_references,
    "textile": _escape_references,
    "orgtbl": _escape_org,
    "tsv": csv_cell,
}


def _unknown(fmt: str) -> str:
    near = difflib.get_close_matches(fmt, FORMATS, n=3)
    known = f"Did you mean {', '.join(near)}?" if near else f"Known: {', '.join(FORMATS)}."
    return printable(f"There is no table format {fmt!r}. {known}")
