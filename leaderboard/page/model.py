"""What the pages know: plain, frozen, and safe to show. Built by `gather`, laid out by the templates.

Every text in here is printable and of bounded length; escaping for HTML is left to the templates.
"""

from __future__ import annotations

from datetime import datetime

from markupsafe import Markup
from msgspec import Struct


class Link(Struct, frozen=True):
    """A page under its name; without an address, the name alone."""

    text: str
    href: str
    full: str = ""
    """The name before it was shortened, for places that shorten it by their own width."""


class SpecLine(Struct, frozen=True):
    """A spec that did not pass, in words."""

    title: str
    points: int
    message: str


class AttemptLine(Struct, frozen=True, kw_only=True):
    """One attempt and what became of it."""

    key: str
    """Names the line on its page; no other has it."""
    team: Link
    challenge: Link
    at: datetime
    graded_at: datetime
    score: str
    """The points, or in a word why there are none."""
    points: int
    passed: bool
    metric: str
    verdict: str
    """Empty if the attempt simply counts."""
    stands: bool
    strip: Markup
    failed: tuple[SpecLine, ...]
    remarks: tuple[SpecLine, ...]
    skipped: int
    advice: str
    message: str


class Cell(Struct, frozen=True):
    """A team at one challenge, in the overall standings."""

    points: int | None
    strip: Markup


class OverallLine(Struct, frozen=True, kw_only=True):
    """A team in the overall standings."""

    rank: str
    moved: int | None
    """Ranks gained when all was revealed."""
    team: Link
    members: str
    total: float
    cells: tuple[Cell, ...]
    passed: int
    attempts: int
    not_counted: int
    reached_at: datetime
    leads: bool


class StandingLine(Struct, frozen=True, kw_only=True):
    """A team in the standings of a challenge."""

    rank: str
    moved: int | None
    team: Link
    score: str
    points: int
    metric: str
    strip: Markup
    attempts: int
    not_counted: int
    at: datetime
    leads: bool


class SpecCount(Struct, frozen=True):
    """How often a spec failed."""

    title: str
    times: int
    bar: Markup


class MistakeCount(Struct, frozen=True):
    """How often a known mistake was recognised."""

    advice: str
    times: int


class Figure(Struct, frozen=True, kw_only=True):
    """A chart with the same as a table."""

    key: str
    svg: Markup
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


class ChallengePage(Struct, frozen=True, kw_only=True):
    """One challenge."""

    link: Link
    title: str
    weight: str
    metric_name: str
    standings: tuple[StandingLine, ...]
    attempts: int
    teams: int
    passed_teams: int
    pass_rate: str
    median_to_pass: str
    hardest: str
    specs: tuple[SpecCount, ...]
    mistakes: tuple[MistakeCount, ...]
    curves: Figure | None


class TeamPage(Struct, frozen=True, kw_only=True):
    """One team; `place` is its line of the overall standings."""

    link: Link
    members: str
    place: OverallLine | None
    attempts: tuple[AttemptLine, ...]
    scores: Figure | None


class Site(Struct, frozen=True, kw_only=True):
    """All pages."""

    title: str
    now: datetime
    opens: datetime | None
    closes: datetime | None
    challenges: tuple[ChallengePage, ...]
    teams: tuple[TeamPage, ...]
    overall: tuple[OverallLine, ...]
    latest: tuple[AttemptLine, ...]
    """As their verdicts came, the latest first."""
    attempts: tuple[AttemptLine, ...]
    """By the time of handing in, the latest first."""
    leader: str
    led_since: datetime | None
    progress: Figure | None
    lead: Figure | None
