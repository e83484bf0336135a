"""Records to make pages of, and names and words that must not harm a page."""

import sys
from datetime import timedelta
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "benchmarks"))

from records import START, TEAMS, hack_day, score

from leaderboard.event import Entry, Event
from leaderboard.score import ChallengeInfo, Score, SpecResult

__all__ = ["EVENT", "HOSTILE", "NOW", "START", "TEAMS", "attempt", "hack_day", "hostile_scores"]

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style></title></svg></script><h1>gotcha",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "\u202egnp.exe",
    "zero\u200bwidth",
    "../../etc/passwd",
    "..\\..\\windows",
    "line\nbreak\ttab\x1b[2J\x00",
    "\ud800 alone",
    "x" * 10_000,
    "W" * 48,
    "red",
    "Red",
    "red ",
    "rеd",  # the second letter is Cyrillic
    "con",
    " ",
    "🦊🔥",
    "فريق الأحلام",
)
EVENT = Event(
    title="Hack day, autumn 2026",
    challenges=(Entry(id="02"), Entry(id="04"), Entry(id="05", weight=2)),
    closes=START + timedelta(hours=8),
)
NOW = START + timedelta(hours=6, minutes=36)


def hostile_scores() -> list[Score]:
    """An attempt of each hostile team, and each hostile text wherever a record holds one."""
    made = []
    for number, name in enumerate(HOSTILE):
        text = name[:500].replace("\ud800", "?") or "-"
        spec = SpecResult(
            name="test_x",
            title=text,
            points=50,
            earned=0,
            outcome="failed",
            message=f"{text}\n{text}",
            seconds=0.1,
        )
        info = ChallengeInfo(
            id="04", slug="x", title="Causal self-attention", specs_sha256="0" * 64
        )
        moment = START + timedelta(minutes=number)
        made.append(score(info, name, moment, [spec, spec], advice=text))
        failed = score(info, name, moment + timedelta(seconds=9), [spec], passed=False)
        made.append(msgspec.structs.replace(failed, status="crashed", message=text, score=0))
    odd = ChallengeInfo(
        id="<b>&'\"", slug="x", title="<script>alert(2)</script>", specs_sha256="0" * 64
    )
    made.append(score(odd, "red", START, [spec]))
    return made


def attempt(team: str = "red", points: int = 50, minute: float = 0, **fields: object) -> Score:
    """An attempt at 04 that failed some of its two specs."""
    specs = [
        SpecResult(
            name=f"test_{number}",
            title=f"Property {number} holds.",
            points=50,
            earned=50 if number * 50 < points else 0,
            outcome="passed" if number * 50 < points else "failed",
            message="" if number * 50 < points else "The values differ.",
            seconds=0.1,
        )
        for number in range(2)
    ]
    info = ChallengeInfo(id="04", slug="x", title="Causal self-attention", specs_sha256="0" * 64)
    return score(info, team, START + timedelta(minutes=minute), specs, **fields)
