"""Whatever a valid record and an event may say, there is a page of it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from xml.etree import ElementTree

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from page_scores import HOSTILE, NOW, START, attempt

from leaderboard.event import Entry, Event, Team
from leaderboard.page.gather import gather
from leaderboard.page.render import render
from leaderboard.score import ChallengeInfo, CurvePoint, Metric, Score, SpecResult

TEXTS = (*HOSTILE, "", " ", "\n", "\x00", "&lt;", "04", "05", "a" * 5000)
NAMES = tuple(dict.fromkeys(filter(None, TEXTS)))
TIMES = (
    datetime(1, 1, 1, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC),
    START,
    START + timedelta(seconds=1),
    START + timedelta(days=3000),
    NOW,
)
NUMBERS = (None, 0.0, 1.0, -1.0, 3.0, 1e-300, 1e308, -1e308)
POINTS = (0, 1, 50, 10**12)


def any_spec(chance: Random) -> SpecResult:
    """A spec of any size and outcome."""
    points = chance.choice(POINTS)
    return SpecResult(
        name=chance.choice(NAMES),
        title=chance.choice(TEXTS),
        points=points,
        earned=chance.choice([0, points]),
        outcome=chance.choice(["passed", "failed", "skipped", "not_run"]),
        message=chance.choice(TEXTS),
        seconds=0.0,
    )


def any_metric(chance: Random) -> Metric | None:
    """A metric of any value, or none."""
    if chance.random() < 0.5:
        return None
    return Metric(
        name=chance.choice(NAMES),
        value=chance.choice(NUMBERS),
        stderr=chance.choice(NUMBERS),
        order=chance.choice(["lower", "higher"]),
        precision=chance.randint(0, 12),
    )


def any_score(chance: Random) -> Score:
    """A record in which everything that a page shows is as odd as it may be."""
    status = chance.choice(["graded", "graded", "graded", "timeout", "crashed", "grader_fault"])
    most = chance.choice(POINTS)
    points = chance.choice([0, most, most // 2])
    curve = [
        CurvePoint(
            step=chance.randint(0, 9),
            loss=chance.choice(NUMBERS),
            seconds=abs(chance.choice(NUMBERS) or 0.0),
        )
        for _ in range(chance.choice([0, 1, 2, 5, 400]))
    ]
    info = ChallengeInfo(
        id=chance.choice(NAMES), slug="x", title=chance.choice(TEXTS), specs_sha256="0" * 64
    )
    changes: dict[str, Any] = {
        "id": chance.choice(NAMES),
        "challenge": info,
        "team": chance.choice(TEXTS),
        "submitted_at": chance.choice(TIMES),
        "graded_at": chance.choice(TIMES),
        "status": status,
        "message": chance.choice(TEXTS),
        "score": points,
        "max_score": most,
        "passed": status == "graded" and points == most,
        "metric": any_metric(chance),
        "specs": tuple(any_spec(chance) for _ in range(chance.randint(0, 4))),
        "advice": chance.choice(TEXTS),
        "curve": tuple(curve),
    }
    return msgspec.structs.replace(attempt(), **changes)


def any_event(chance: Random) -> Event:
    """Rules of any kind."""
    some = tuple(Entry(id=name, weight=chance.choice([1e-300, 1, 2])) for name in NAMES)
    opens, closes = chance.choice(
        [(None, None), TIMES[:2], (START, None), (None, NOW), (NOW + timedelta(hours=1), None)]
    )
    return Event(
        title=chance.choice(TEXTS),
        challenges=chance.choice([(), some[-2:], some]),
        teams=chance.choice([(), (Team(name="red"), Team(name="nobody", members=NAMES[:3]))]),
        opens=opens,
        closes=closes,
        attempts=chance.choice([None, 1]),
        cooldown=chance.choice(["0s", "1d"]),
        count=chance.choice(["best", "last"]),
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_any_record_has_a_page(seed: int) -> None:
    """No record and no event is too odd; each drawing is well-formed and made of numbers."""
    chance = Random(seed)
    scores = [any_score(chance) for _ in range(chance.choice([0, 1, 2, 5, 20]))]
    site = gather(scores, any_event(chance), chance.choice(TIMES), chance.choice(TEXTS))
    for _, page in render(site, live=chance.random() < 0.5):
        text = page.decode()
        assert text.count("<script") == 1
        for drawn in re.findall(r"<svg.*?</svg>", text, re.DOTALL):
            for part in ElementTree.fromstring(drawn).iter():
                assert not re.search("nan|inf", part.get("d", ""))
