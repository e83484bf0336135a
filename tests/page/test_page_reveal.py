"""What the pages show of an event that keeps private specs back."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from page_scores import NOW, START, score

from leaderboard.event import Entry, Event
from leaderboard.page.build import build
from leaderboard.score import ChallengeInfo, Score, SpecResult
from leaderboard.signing import new_key, sign

EVENT = Event(challenges=(Entry(id="04"),), private=True)
SECRET = "what only the private spec says"


def attempt(team: str, minute: int, kept: bool) -> Score:
    """All public points, and the private ones or not."""
    specs = tuple(
        SpecResult(
            name=name,
            title=title,
            points=points,
            earned=points if passed else 0,
            outcome="passed" if passed else "failed",
            message="" if passed else SECRET,
            seconds=0.1,
            private=private,
        )
        for name, title, points, passed, private in (
            ("test_shown", "What all may know", 70, True, False),
            ("test_kept", SECRET, 30, kept, True),
        )
    )
    info = ChallengeInfo(id="04", slug="mask", title="Masks", specs_sha256="0" * 64)
    return score(info, team, START + timedelta(minutes=minute), specs, advice=SECRET)


@pytest.fixture
def scores() -> list[Score]:
    """The first team is first in public only."""
    return [attempt("early", 0, kept=False), attempt("thorough", 5, kept=True)]


def text(pages: list[Path]) -> str:
    return "\n".join(page.read_text("utf-8") for page in pages)


def test_no_page_tells_of_private_specs(tmp_path: Path, scores: list[Score]) -> None:
    """Neither titles nor messages nor points, and no advice that would tell of them."""
    shown = text(build(scores, EVENT, tmp_path / "page", NOW))

    assert "early" in shown
    assert SECRET not in shown
    assert 'class="moved"' not in shown


def test_revealed_pages_show_all_and_who_has_moved(tmp_path: Path, scores: list[Score]) -> None:
    """The winner has gone up by one rank, the other one down."""
    index, *others = build(scores, EVENT, tmp_path / "page", NOW, revealed=True)
    rows = re.findall(r'(?s)<td class="num rank".*?</th>', index.read_text("utf-8"))

    assert [("up 1" in row, "thorough" in row) for row in rows] == [(True, True), (False, False)]
    assert "down 1" in rows[1]
    assert SECRET in text(others)


def test_signed_scores_count_on_pages_that_keep_something_back(
    tmp_path: Path, scores: list[Score]
) -> None:
    """A signature is one of the whole record, so it is looked at before anything is left out."""
    secret, public = new_key()
    event = msgspec.structs.replace(EVENT, keys=(public,))
    signed = [sign(scores[0], secret), scores[1]]

    index, *_ = build(signed, event, tmp_path / "page", NOW)
    standing = re.search(r"(?s)<tbody>.*?</tbody>", index.read_text("utf-8"))

    assert standing is not None
    assert re.findall(r'data-v="(1|-)">', standing[0]) == ["1", "-"]
    assert standing[0].index("early") < standing[0].index("thorough")
