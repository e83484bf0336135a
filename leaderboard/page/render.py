"""HTML from what `gather` found: each page one file that needs no other, and asks nobody for anything.

The policy in each page allows its one style and its one script by their hashes, and nothing else: not
from the network, nor from the same folder. A live page may also ask its own server for news.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from leaderboard.page.model import AttemptLine, Site
from leaderboard.page.names import INDEX, desk_page
from leaderboard.page.svg import length_text
from leaderboard.page.widths import shortened
from leaderboard.score import rfc3339

PAGE_SIZE = 250
"""Attempts on one page of the desk, and of a team."""
BIG_ROWS, ROWS, VERDICTS = 12, 20, 8
"""What fits on a projector: so many teams in large letters, so many at all, so many verdicts."""

BIG_NAME, SMALL_NAME = 15.5, 12.0
"""Ems for a name on a projector: on two lines of large letters, on one of small ones."""
VERDICT_NAME, NARROW_NAME = 10.7, 9.0
"""Ems for a name among the last verdicts: beside three challenges, beside more."""


def render(site: Site, live: bool = False) -> Iterator[tuple[str, bytes]]:
    """The name and content of each page."""
    environment = _environment()
    style, script = _asset("page.css"), _asset("page.js")
    shared = {
        "site": site,
        "live": live,
        "style": style,
        "script": script,
        "policy": policy(style, script, live),
        "built": rfc3339(site.now),
        "breadth": _breadth(len(site.challenges)),
    }

    def page(template: str, name: str, **values: Any) -> tuple[str, bytes]:
        text = environment.get_template(template).render(shared, page_name=name, **values)
        # A lone surrogate is escaped long before; that no page is lost to one is the point here.
        return name, text.encode("utf-8", "replace")

    yield page("index.html.j2", INDEX, rows=_rows(site), **_letters(site))
    for number, attempts in enumerate(_pages(site.attempts), 1):
        pages = max(1, -(-len(site.attempts) // PAGE_SIZE))
        yield page("desk.html.j2", desk_page(number), attempts=attempts, number=number, pages=pages)
    for challenge in site.challenges:
        yield page("challenge.html.j2", challenge.link.href, challenge=challenge)
    for team in site.teams:
        yield page("team.html.j2", team.link.href, team=team, attempts=team.attempts[:PAGE_SIZE])


def policy(style: str, script: str, live: bool) -> str:
    """The page's policy for its contents."""
    parts = [
        "default-src 'none'",
        f"style-src '{_hash(style)}'",
        f"script-src '{_hash(script)}'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
    ]
    return "; ".join([*parts, "connect-src 'self'"] if live else parts)


def _letters(site: Site) -> dict[str, Any]:
    """How large the view for the projector is written, and the room that leaves for names."""
    big, breadth = len(site.overall) <= BIG_ROWS, _breadth(len(site.challenges))
    return {
        "big": big,
        "name_room": BIG_NAME if big else SMALL_NAME,
        "verdict_room": NARROW_NAME if breadth else VERDICT_NAME,
    }


def _breadth(challenges: int) -> str:
    """Classes of a page by how many columns its standings have; the style gives each its room."""
    steps = ((14, " totals"), (10, " numbers slim"), (6, " numbers"), (3, " broad"))
    return next((kind for more, kind in steps if challenges > more), "")


def _rows(site: Site) -> int:
    return ROWS if len(site.overall) > BIG_ROWS else BIG_ROWS


def _pages(attempts: tuple[AttemptLine, ...]) -> Iterator[tuple[AttemptLine, ...]]:
    for start in range(0, max(1, len(attempts)), PAGE_SIZE):
        yield attempts[start : start + PAGE_SIZE]


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("leaderboard.page", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["time"] = _time
    environment.filters["clock"] = _clock
    environment.filters["span"] = length_text
    environment.filters["shortened"] = shortened
    environment.globals["verdicts"] = VERDICTS
    environment.globals["desk_page"] = desk_page
    return environment


@cache
def _asset(name: str) -> Markup:
    """A style or a script of the kit's own, which stands in the page as it is."""
    return Markup(files("leaderboard.page").joinpath("assets", name).read_text("utf-8"))


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _time(moment: datetime) -> Markup:
    """Day and time."""
    return _stamped(moment, f"{moment:%d %b %H:%M:%S}", "full")


def _clock(moment: datetime) -> Markup:
    """The time of day."""
    return _stamped(moment, f"{moment:%H:%M}", "clock")


def _stamped(moment: datetime, text: str, kind: str) -> Markup:
    return Markup('<time datetime="{}" data-{}>{}</time>').format(rfc3339(moment), kind, text)
