"""The pages on screens of all sizes: everything is there, and names can be read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from page_browser import SMALL, WIDE, Tab, browser
from page_scores import EVENT, NOW, TEAMS, hack_day

from leaderboard.event import Entry, Event
from leaderboard.page.build import build

__all__ = ["browser"]
PROJECTORS = (WIDE, (1200, 900), (1280, 720), (1366, 768), (1440, 900), (1600, 900))
LONG = (
    *(
        "WARM MEMORY MANAGERS",
        "MAMMOTH COMMITTEE 1",
        "W" * 30,
        "深度学习研究小组第一队",
        "Gradient Descenders",
    ),
    *(f"Department of Machine Learning, group {number}" for number in (1, 2, 3)),
)
STICKING_OUT = """() => [...document.querySelectorAll("svg.figure")].flatMap((figure) => {
    const edge = figure.getBoundingClientRect().right;
    return [...figure.querySelectorAll("text")]
        .filter((text) => text.getBoundingClientRect().right > edge).map((text) => text.textContent);
})"""
WHOLE_WORDS = """() => [...document.querySelectorAll("#overall tbody .team a")].flatMap((name) => {
    const text = name.querySelector("bdi").firstChild, box = name.closest(".team").getBoundingClientRect();
    return [...text.data.matchAll(/\\S+/g)].filter((word) => {
        const range = document.createRange();
        range.setStart(text, word.index);
        range.setEnd(text, word.index + word[0].length);
        const [first, ...others] = range.getClientRects();
        return !others.length && first.right <= box.right && first.bottom <= box.bottom + 1;
    }).map((word) => word[0]);
})"""


def build_day(out: Path, names: Sequence[str], challenges: int) -> None:
    """The pages of a day with these teams, and with so many challenges, five of which are graded."""
    ours = ("01", "02", "03", "04", "05")[:challenges]
    more = tuple(Entry(id=f"{number:02}") for number in range(6, challenges + 1))
    entries = (*(Entry(id=key) for key in ours), *more)
    event = Event(title=EVENT.title, closes=EVENT.closes, challenges=entries)
    build(hack_day(8 * len(names), names, ours), event, out, NOW)


@pytest.mark.parametrize(("teams", "challenges"), [(3, 3), (12, 5), (60, 5), (12, 12), (12, 30)])
def test_the_projector_needs_no_scrolling(
    browser: Any, tmp_path: Path, teams: int, challenges: int
) -> None:
    """On each usual projector its view is on the screen as a whole, whoever takes part."""
    build_day(tmp_path, [f"The team of number {number}" for number in range(teams)], challenges)
    with Tab(browser) as tab:
        tab.page.goto((tmp_path / "index.html").as_uri())
        for width, height in PROJECTORS:
            tab.page.set_viewport_size({"width": width, "height": height})
            found = tab.page.evaluate(
                "[document.documentElement.scrollWidth, document.documentElement.scrollHeight]"
            )

            assert found == [width, height]


@pytest.mark.parametrize("challenges", [3, 5, 14])
def test_names_of_teams_are_whole(browser: Any, tmp_path: Path, challenges: int) -> None:
    """On a screen of any size, each name in the standings is there and breaks between words only."""
    build_day(tmp_path, TEAMS, challenges)
    with Tab(browser) as tab:
        tab.page.goto((tmp_path / "index.html").as_uri())
        names = tab.page.locator("#overall tbody .team a").all_text_contents()
        for width, height in (*PROJECTORS, (1199, 900), (1024, 768), (720, 900), SMALL):
            tab.page.set_viewport_size({"width": width, "height": height})

            assert tab.page.evaluate(WHOLE_WORDS) == " ".join(names).split(), width


def test_the_page_of_many_challenges_has_ink(browser: Any, tmp_path: Path) -> None:
    """However many challenges there are, what is to be read from afar is not in the quiet grey."""
    colours = set()
    for challenges in (3, 5, 7, 11, 15):
        build_day(tmp_path / f"{challenges}", TEAMS, challenges)
        with Tab(browser) as tab:
            tab.page.goto((tmp_path / f"{challenges}" / "index.html").as_uri())
            colours.add(tab.page.evaluate("getComputedStyle(document.body).color"))

    assert len(colours) == 1


@pytest.mark.parametrize("challenges", [3, 5, 10, 14, 30])
def test_the_total_is_in_sight_on_the_desk(browser: Any, tmp_path: Path, challenges: int) -> None:
    """Whatever the screen, nobody scrolls sideways for a team's name or its total."""
    build_day(tmp_path, TEAMS, challenges)
    with Tab(browser) as tab:
        tab.page.goto((tmp_path / "desk.html").as_uri())
        names = tab.page.locator("#overall tbody .team a").all_text_contents()
        for width in (WIDE[0], 1600, 1440, 1280, 1024, 720, SMALL[0], 320):
            tab.page.set_viewport_size({"width": width, "height": 800})
            total = tab.page.locator("#overall tbody .total").first.bounding_box()

            assert total["x"] + total["width"] <= width, width
            assert tab.page.evaluate(WHOLE_WORDS) == " ".join(names).split(), width


def test_what_failed_is_in_sight_on_the_desk(browser: Any, tmp_path: Path) -> None:
    """Whatever the screen, nobody scrolls sideways to read why an attempt failed."""
    build_day(tmp_path, TEAMS, 5)
    with Tab(browser) as tab:
        tab.page.goto((tmp_path / "desk.html").as_uri())
        for width in (1280, 1024, 901, 720, SMALL[0]):
            tab.page.set_viewport_size({"width": width, "height": 800})
            why = tab.page.locator("#attempts tbody .why").first.bounding_box()

            assert why["x"] + why["width"] <= width, width


@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
@pytest.mark.parametrize("name", ["index.html", "challenge-05.html"])
def test_drawings_hold_their_words(
    browser: Any, tmp_path: Path, name: str, size: tuple[int, int]
) -> None:
    """However wide the letters of its name, a team and its number stand inside the drawing."""
    build_day(tmp_path, LONG, 5)
    with Tab(browser, size) as tab:
        tab.page.goto((tmp_path / name).as_uri())

        assert tab.page.locator("svg.figure:visible .name").count() > 2
        assert tab.page.evaluate(STICKING_OUT) == []


def test_teams_that_differ_in_their_ends_differ_everywhere(tmp_path: Path) -> None:
    """Three groups of one department are three on the projector, in its drawings and on the desk."""
    build_day(tmp_path, LONG[-3:], 3)
    index = (tmp_path / "index.html").read_text("utf-8")
    desk = (tmp_path / "desk.html").read_text("utf-8")
    ends = [
        set(re.findall(kind, index)) for kind in (r"<bdi>(Depart[^<]*)", r"(Depart[^<]*) <tspan")
    ]

    assert {end[-1] for end in ends[0]} == {"1", "2", "3"}
    assert {end.rstrip("\u2069")[-1] for end in ends[1]} == {"1", "2", "3"}
    assert len(set(re.findall(r"<bdi>(Depart[^<]*)", desk))) == 3
    assert all(name.count("…") == 1 for name in ends[0] | ends[1])
