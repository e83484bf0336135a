"""What a page is called, and how a stranger's text is shown on it."""

from __future__ import annotations

import hashlib
import re
from typing import Literal

from leaderboard.formats import shown
from leaderboard.text import clip, printable

Kind = Literal["team", "challenge"]

INDEX, DESK = "index.html", "desk.html"
# What `file_name` and `desk_page` can give; nothing else is ever removed.
OURS = re.compile(r"index\.html|desk(-[0-9]{1,6})?\.html|(team|challenge)-[a-z0-9.-]{1,80}\.html")
MAX_SLUG, MAX_NAME, MAX_TEXT = 32, 100_000, 1200

_PLAIN = re.compile(rf"[a-z0-9][a-z0-9-]{{0,{MAX_SLUG - 1}}}")
_OTHER = re.compile(r"[^a-z0-9]+")


def file_name(kind: Kind, name: str) -> str:
    """A name that no other team or challenge has, on every file system.

    Plain names stay. All others get a hash behind a full stop, which no plain name has; so neither
    case, nor equal looks, nor a name made like that one leads to the same file.
    """
    if _PLAIN.fullmatch(name):
        return f"{kind}-{name}.html"
    slug = _OTHER.sub("-", name.lower()).strip("-")[:MAX_SLUG].strip("-") or "name"
    return f"{kind}-{slug}.{digest(name)}.html"


def digest(text: str) -> str:
    """A short name for a text that no other has."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def desk_page(number: int) -> str:
    """The page of the desk with this number, from 1."""
    return DESK if number == 1 else f"desk-{number}.html"


def label(name: str, width: int = 32) -> str:
    """A stranger's name on one line: printable, never blank, of bounded width.

    A long name keeps its end, by which groups with numbers differ.
    """
    text = str(shown(name, MAX_NAME))
    tail = 3 * width // 8
    return text if len(text) <= width else f"{text[: width - tail - 1]}…{text[-tail:]}"


def one_line(text: str, width: int = 160) -> str:
    """A stranger's words on one line, of bounded width."""
    return str(shown(text, width))


def sentence(text: str) -> str:
    """A stranger's words, printable, with their line breaks."""
    return clip(printable(text, multiline=True).strip(), MAX_TEXT)
