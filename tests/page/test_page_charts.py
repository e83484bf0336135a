"""The drawings: lines that can be told apart, labels that can be read, words for who does not see them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from importlib.resources import files
from itertools import pairwise
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from page_scores import EVENT, HOSTILE, NOW, attempt, hostile_scores

from leaderboard.page.charts import FOLLOWED, Series, strip, totals
from leaderboard.page.gather import gather
from leaderboard.page.model import Figure
from leaderboard.page.svg import Frame, nice, nice_factors, spread, time_axis
from leaderboard.score import Score

CSS = files("leaderboard.page").joinpath("assets", "page.css").read_text("utf-8")
FRAME = Frame(
    name="wide", width=1000, height=400, left=50, right=200, top=10, bottom=30, text=16, y1=10
)


def figures(scores: list[Score]) -> list[Figure]:
    """Every drawing of the pages of these scores."""
    site = gather(scores, EVENT, NOW)
    found = [site.progress, site.lead, *(one.curves for one in site.challenges)]
    found += [team.scores for team in site.teams]
    return [one for one in found if one is not None]


def luminance(colour: str) -> float:
    """The relative luminance of a colour, by WCAG 2.2."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize(
    ("name", "least"), [("ink", 7), ("soft", 4.5), ("accent", 4.5), ("low", 3)]
)
@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_colours_stand_out(name: str, least: float, theme: int) -> None:
    """Text has the contrast of AA on the paper, and marks that are no text that of graphics."""
    pairs = dict(re.findall(r"--(\w+): light-dark\((#\w{6}, #\w{6})\)", CSS))
    lights = [luminance(pairs[one].split(", ")[theme]) + 0.05 for one in (name, "paper")]

    assert max(lights) / min(lights) >= least


def test_every_followed_line_looks_different() -> None:
    """Without any colour, lines differ by their dashes or their width."""
    looks = []
    for number in range(FOLLOWED):
        rule = re.search(rf"^\.l{number} {{(.*)}}$", CSS, re.MULTILINE)
        assert rule
        looks.append(re.sub(r"stroke: [^;]*;", "", rule[1]).strip())
    # What has neither is the thin line of the default.
    assert len(set(looks)) == FOLLOWED


def test_every_drawing_is_sound_and_told_in_words(day: list[Score]) -> None:
    """A drawing is well-formed, has a title and a description, and its numbers as a table."""
    for one in figures([*day, *hostile_scores()]):
        assert one.rows
        for drawn in ElementTree.fromstring(f"<all>{one.svg}</all>"):
            title, desc = drawn[0], drawn[1]
            assert (title.tag, desc.tag) == ("title", "desc")
            assert title.text and desc.text
            assert drawn.get("aria-labelledby") == f"{title.get('id')} {desc.get('id')}"
            assert "style" not in {name for part in drawn.iter() for name in part.attrib}


def test_names_in_drawings_are_text() -> None:
    """A name that is markup stands in a drawing as letters."""
    series = [
        Series(name=name.replace("\ud800", ""), value="1", points=((0, 0), (1, 1)))
        for name in HOSTILE
    ]
    for start in range(0, len(series), FOLLOWED):
        drawn = totals(series[start : start + FOLLOWED], 0, 1)
        tags = {part.tag for part in ElementTree.fromstring(f"<all>{drawn}</all>").iter()}

        assert tags <= {"all", "svg", "title", "desc", "path", "text", "tspan"}


@given(st.lists(st.floats(0, 300), max_size=14))
def test_labels_keep_apart_and_in_order(wanted: list[float]) -> None:
    """However close the ends of lines are, their names do not overlap and stay in the drawing."""
    places = spread(wanted, 20, 0, 300)
    ordered = sorted(range(len(wanted)), key=lambda one: wanted[one])
    gaps = [places[b] - places[a] for a, b in pairwise(ordered)]

    assert all(gap >= 20 - 1e-6 for gap in gaps)
    assert all(-1e-6 <= place <= 300 + 1e-6 for place in places)


@given(st.floats(0, 1e6), st.floats(0.01, 1e6))
def test_ticks_are_few_and_inside(low: float, length: float) -> None:
    """An axis has between two and a dozen round numbers, all of them on it."""
    ticks = nice(low, low + length, 5)

    assert 1 <= len(ticks) <= 7
    assert all(low - length * 1e-6 <= tick <= low + length * (1 + 1e-6) for tick in ticks)


@given(st.floats(0.01, 10), st.floats(2, 1e6))
def test_logarithmic_ticks_are_few_and_inside(low: float, factor: float) -> None:
    """The same, of a logarithmic axis."""
    ticks = nice_factors(low, low * factor)

    assert all(low <= tick <= low * factor for tick in ticks)
    assert ticks == sorted(ticks)
    assert len(ticks) <= 20


@pytest.mark.parametrize("length", [1, 59, 3600, 86_400, 86_400 * 30, 86_400 * 365 * 50])
def test_any_length_of_time_has_an_axis(length: float) -> None:
    """From a second to decades, the labels of an axis of time have room."""
    start = datetime(2026, 11, 28, tzinfo=UTC).timestamp()
    frame = msgspec.structs.replace(FRAME, x0=start, x1=start + length)

    assert str(time_axis(frame)).count("<text") <= 12


def test_a_strip_shows_each_spec_by_height() -> None:
    """Specs that passed are high and the others low, and the words say how many."""
    half = str(strip(attempt(points=50)))

    assert 'aria-label="1 of 2 specs passed"' in half
    assert half.count("v-12") == 1
    assert half.count("v-3") == 1
