"""The pages in a real browser: read by everybody, harmed by nobody, fresh by themselves."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from page_browser import SMALL, WIDE, Tab, browser
from page_scores import EVENT, HOSTILE, NOW, attempt, hostile_scores

from leaderboard.page.build import build
from leaderboard.page.live import serve
from leaderboard.page.names import file_name, label
from leaderboard.page.server import PageServer
from leaderboard.score import Score, rfc3339
from leaderboard.store import Store

__all__ = ["browser"]
VIOLATIONS = {"resultTypes": ["violations"]}
PAGES = {
    "index": "index.html",
    "desk": "desk.html",
    "challenge": "challenge-05.html",
    "team": file_name("team", "Kestrel"),
    "hostile": file_name("team", HOSTILE[0]),
}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, day: list[Score]) -> Path:
    """The pages of a day, with everything hostile among them."""
    out = tmp_path_factory.mktemp("site") / "page"
    # A part of them: axe looks at every element for some milliseconds.
    build([*day[::8], *hostile_scores()], EVENT, out, NOW)
    return out


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, day: list[Score]) -> Path:
    """The pages of a day."""
    out = tmp_path_factory.mktemp("plain") / "page"
    build(day, EVENT, out, NOW)
    return out


@pytest.mark.parametrize("kind", ["index", "desk", "challenge", "team"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, SMALL], ids=["wide", "small"])
def test_axe_finds_nothing(
    browser: Any, site: Path, kind: str, scheme: str, size: tuple[int, int]
) -> None:
    """Every kind of page is accessible in both themes and widths, as far as a program can tell."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    with Tab(browser, size, color_scheme=scheme) as tab:
        tab.page.goto((site / PAGES[kind]).as_uri())
        found = axe.run(tab.page, options=VIOLATIONS).response["violations"]

        assert [(one["id"], one["nodes"][0]["html"][:200]) for one in found] == []


@pytest.mark.parametrize("kind", PAGES)
def test_a_page_from_a_file_asks_for_nothing(browser: Any, site: Path, kind: str) -> None:
    """Opened from a file, a page loads itself alone; no hostile text runs, and its policy is kept."""
    with Tab(browser) as tab:
        address = (site / PAGES[kind]).as_uri()
        tab.page.goto(address)
        # Its own icon is part of it.
        asked = [url for url in tab.requests if not url.startswith("data:")]

        assert tab.complaints == []
        assert asked == [address]


def test_hostile_names_are_shown(browser: Any, site: Path) -> None:
    """Each name stands on the desk as text, and its link leads to a page that has it as its heading."""
    with Tab(browser) as tab:
        tab.page.goto((site / "desk.html").as_uri())
        shown = tab.page.locator("#overall tbody .team a").all_text_contents()
        for name in HOSTILE:
            assert label(name) in shown
            tab.page.goto((site / file_name("team", name)).as_uri())
            assert tab.page.locator("h1").text_content() == label(name)

        assert tab.complaints == []


def test_the_policy_stops_what_is_not_ours(browser: Any, site: Path) -> None:
    """Neither a script nor a style nor a request that somebody slips into a page has any effect."""
    with Tab(browser) as tab:
        tab.page.goto((site / "index.html").as_uri())
        tab.page.evaluate(
            """() => {
                window.refused = 0;
                document.addEventListener("securitypolicyviolation", () => { window.refused += 1; });
                const script = document.createElement("script");
                script.textContent = "window.ran = true";
                document.body.append(script);
                document.body.setAttribute("style", "color: rgb(1, 2, 3)");
                const image = document.createElement("img");
                image.src = "http://127.0.0.1:9/x.png";
                document.body.append(image);
            }"""
        )
        tab.page.wait_for_function("window.refused >= 3")

        assert tab.page.evaluate("window.ran") is None
        assert tab.page.evaluate("getComputedStyle(document.body).color") != "rgb(1, 2, 3)"
        assert tab.page.evaluate("document.images[0].naturalWidth") == 0


@pytest.mark.parametrize("kind", PAGES)
def test_a_small_page_scrolls_one_way(browser: Any, site: Path, kind: str) -> None:
    """On a telephone no page is wider than the screen."""
    with Tab(browser, SMALL) as tab:
        tab.page.goto((site / PAGES[kind]).as_uri())

        assert tab.page.evaluate("document.documentElement.scrollWidth") == SMALL[0]


def test_a_table_is_sorted_by_keyboard(browser: Any, plain: Path) -> None:
    """Each heading is a button; pressing it sorts, pressing it again turns the order round."""
    with Tab(browser) as tab:
        tab.page.goto((plain / "desk.html").as_uri())
        head = tab.page.get_by_role("columnheader", name="Team").first
        head.get_by_role("button").focus()
        tab.page.keyboard.press("Enter")
        teams = tab.page.locator("#overall tbody .team a")
        ascending = teams.all_text_contents()
        assert head.get_attribute("aria-sort") == "ascending"
        tab.page.keyboard.press("Space")

        assert head.get_attribute("aria-sort") == "descending"
        assert teams.all_text_contents() == ascending[::-1] != ascending
        assert tab.complaints == []


def test_numbers_are_sorted_as_numbers(browser: Any, plain: Path) -> None:
    """By total, the best comes first, and 100 is more than 20."""
    with Tab(browser) as tab:
        tab.page.goto((plain / "desk.html").as_uri())
        tab.page.get_by_role("button", name="Total").press("Enter")
        totals = [float(t) for t in tab.page.locator("#overall tbody .total").all_text_contents()]

        assert totals == sorted(totals, reverse=True)


def test_attempts_are_filtered(browser: Any, plain: Path) -> None:
    """What is typed leaves the attempts that hold all of its words, and says how many."""
    with Tab(browser) as tab:
        tab.page.goto((plain / "desk.html").as_uri())
        tab.page.get_by_label("Filter").fill("kestrel 05")
        rows = tab.page.locator("#attempts tbody tr:visible").all_text_contents()

        assert rows
        assert all("Kestrel" in row and "05" in row for row in rows)
        assert f"{len(rows)} of " in tab.page.locator("#found").text_content()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_theme_is_remembered(browser: Any, plain: Path, scheme: str) -> None:
    """The page follows the system until it is told otherwise, and keeps to that on other pages."""
    colour = "getComputedStyle(document.documentElement).backgroundColor"
    with Tab(browser, color_scheme=scheme) as tab:
        tab.page.goto((plain / "index.html").as_uri())
        before = tab.page.evaluate(colour)
        tab.page.locator("#theme").click()
        chosen = tab.page.evaluate(colour)
        tab.page.goto((plain / "desk.html").as_uri())

        assert chosen != before
        assert tab.page.evaluate(colour) == chosen


def test_times_can_be_local(browser: Any, plain: Path) -> None:
    """Times are UTC until the reader asks for those of the clock on the wall."""
    with Tab(browser, timezone_id="Asia/Tokyo") as tab:
        tab.page.goto((plain / "index.html").as_uri())
        time = tab.page.locator("footer time")
        assert time.text_content() == "28 Nov 15:36:00"
        tab.page.get_by_role("button", name="Local time").click()

        assert time.text_content() == "29 Nov 00:36:00"
        assert "GMT+9" in tab.page.locator("footer").text_content()


def test_it_works_without_scripts(browser: Any, plain: Path) -> None:
    """Without JavaScript all is there, and nothing that would not work."""
    with Tab(browser, java_script_enabled=False) as tab:
        tab.page.goto((plain / "desk.html").as_uri())

        assert tab.page.locator("#overall tbody tr").count() == 12
        assert tab.page.locator("button:visible, input:visible").count() == 0
        tab.page.get_by_role("link", name="05", exact=True).first.click()
        assert tab.page.locator("svg.figure:visible").count() == 1


@pytest.mark.parametrize("kind", PAGES)
def test_print_is_black_on_white(browser: Any, site: Path, kind: str) -> None:
    """On paper there is no theme, no button, and what was folded is open."""
    with Tab(browser, color_scheme="dark") as tab:
        tab.page.goto((site / PAGES[kind]).as_uri())
        tab.page.emulate_media(media="print")
        colours = tab.page.evaluate(
            "[getComputedStyle(document.documentElement).backgroundColor,"
            " getComputedStyle(document.body).color]"
        )

        assert colours == ["rgb(255, 255, 255)", "rgb(0, 0, 0)"]
        assert not tab.page.locator("header.bar").is_visible()
        said = tab.page.locator("td.why details p.said, td.why details .specs")
        assert said.count() == 0 or said.first.bounding_box()["height"] > 0


class Live:
    """A store whose pages are served as they change."""

    def __init__(self, folder: Path) -> None:
        self.store = Store(folder / "scores")
        self.out = folder / "page"
        self.stopped = threading.Event()
        self.told: list[str] = []
        self.server = PageServer(self.out)
        arguments = (self.server, self.store, [], self._build, self.told.append, self.stopped)
        self._thread = threading.Thread(target=serve, args=arguments)

    def _build(self) -> tuple[list[Path], str]:
        now = datetime.now(UTC)
        return build(self.store.read()[0], EVENT, self.out, now, live=True), rfc3339(now)

    def __enter__(self) -> Live:
        pages, stamp = self._build()
        self.server.publish(pages, stamp)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._thread.join()


@pytest.fixture
def live(tmp_path: Path, day: list[Score]) -> Iterator[Live]:
    """A store of some attempts, served."""
    folder = Store(tmp_path / "scores")
    for one in day[:40]:
        folder.add(one)
    with Live(tmp_path) as found:
        yield found


def test_a_new_score_shows_up_by_itself(browser: Any, live: Live) -> None:
    """A score that is added to the store appears in two open pages; nobody asks another host."""
    with Tab(browser) as one, Tab(browser) as other:
        for tab in (one, other):
            tab.page.goto(live.server.address)
            assert tab.page.locator(".verdict", has_text="Newcomers").count() == 0
        live.store.add(attempt("Newcomers", 100, minute=700))
        for tab in (one, other):
            tab.page.locator(".verdict.fresh", has_text="Newcomers").wait_for()

            assert tab.complaints == []
            asked = [url for url in tab.requests if not url.startswith("data:")]
            assert {url for url in asked if not url.startswith(live.server.address)} == set()


def test_the_reader_keeps_the_place(browser: Any, live: Live) -> None:
    """When the page changes under a reader, order, filter, focus, unfolded lines and scroll stay."""
    with Tab(browser) as tab:
        page = tab.page
        page.goto(f"{live.server.address}desk.html")
        page.locator("#overall-by-1").press("Enter")
        page.locator("#attempts details").first.locator("summary").click()
        page.get_by_label("Filter").fill("spec")
        page.evaluate("scrollTo(0, 300)")
        live.store.add(attempt("Newcomers", 50, minute=700))
        page.locator("#attempts tr", has_text="Newcomers").wait_for()

        assert page.locator("#overall th").nth(1).get_attribute("aria-sort") == "ascending"
        teams = page.locator("#overall tbody .team a").all_text_contents()
        assert teams[0] == "Ada's Attic"
        assert teams.index("Newcomers") == teams.index("Null Pointers") - 1
        assert page.get_by_label("Filter").input_value() == "spec"
        assert page.evaluate("document.activeElement.id") == "filter"
        assert page.locator("#attempts details[open]").count() == 1
        assert page.evaluate("scrollY") == 300
        assert tab.complaints == []


def test_a_live_page_from_a_file_does_not_connect(browser: Any, live: Live) -> None:
    """The same page opened as a file stays quiet."""
    with Tab(browser) as tab:
        address = (live.out / "index.html").as_uri()
        tab.page.goto(address)

        assert [url for url in tab.requests if not url.startswith("data:")] == [address]
        assert tab.complaints == []


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_motion_is_for_those_who_want_it(browser: Any, plain: Path, motion: str) -> None:
    """A fresh verdict flashes only for readers that have not asked for less motion."""
    with Tab(browser, reduced_motion=motion) as tab:
        tab.page.goto((plain / "index.html").as_uri())
        tab.page.evaluate("document.querySelector('.verdict').classList.add('fresh')")
        name = tab.page.evaluate(
            "getComputedStyle(document.querySelector('.verdict')).animationName"
        )

        assert name == ("none" if motion == "reduce" else "fresh")


def test_an_empty_store_says_what_to_do(browser: Any, tmp_path: Path) -> None:
    """Without scores the pages say how the first is made, and are accessible too."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    build([], EVENT, tmp_path / "page", NOW)
    with Tab(browser) as tab:
        for name in ("index.html", "desk.html", "challenge-04.html"):
            tab.page.goto((tmp_path / "page" / name).as_uri())
            assert axe.run(tab.page, options=VIOLATIONS).response["violations"] == []
        tab.page.goto((tmp_path / "page" / "index.html").as_uri())

        assert "grader start 04" in tab.page.locator("main").text_content()
