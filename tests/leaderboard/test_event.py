"""leaderboard.event and leaderboard.times"""

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from leaderboard.errors import EventError
from leaderboard.event import NO_EVENT, Entry, Event, Team, load_event
from leaderboard.times import moment, span

PAGE = Path(__file__).parents[2] / "docs" / "leaderboard.md"


def load(tmp_path: Path, text: str) -> Event:
    path = tmp_path / "leaderboard.toml"
    path.write_text(text, "utf-8")
    return load_event(path)


def test_an_event_is_read_whole(tmp_path: Path) -> None:
    """Every key arrives in its field."""
    event = load(
        tmp_path,
        """
        title = "Hack day"
        opens = 2026-11-28T09:00:00+01:00
        closes = 2026-11-28T16:00:00Z
        attempts = 20
        cooldown = "2m"
        count = "last"
        ranks = "dense"
        [[challenges]]
        id = "04"
        weight = 2
        [[challenges]]
        id = "01"
        [[teams]]
        name = "red"
        members = ["Ada", "Grace"]
        """,
    )

    assert event == Event(
        title="Hack day",
        challenges=(Entry(id="04", weight=2), Entry(id="01")),
        teams=(Team(name="red", members=("Ada", "Grace")),),
        opens=datetime(2026, 11, 28, 8, tzinfo=UTC),
        closes=datetime(2026, 11, 28, 16, tzinfo=UTC),
        attempts=20,
        cooldown="2m",
        count="last",
        ranks="dense",
    )
    assert event.pause == timedelta(minutes=2)
    assert (event.includes("01"), event.includes("05")) == (True, False)
    assert (event.lists("red"), event.lists("blue")) == (True, False)


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    """Every key may be left out; then all challenges and all teams are welcome at any time."""
    assert load(tmp_path, "") == NO_EVENT
    assert NO_EVENT.includes("99")
    assert NO_EVENT.lists("whoever")


def test_the_documented_example_is_an_event(tmp_path: Path) -> None:
    """The example of the docs has every key there is, and is read without an error."""
    (text,) = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    event = load(tmp_path, text)

    for kind in (Event, Entry, Team):
        for name in kind.__struct_fields__:
            assert re.search(rf"^{name} =|^\[\[{name}\]\]", text, re.MULTILINE), name
    assert len(event.challenges) > 1
    assert event.title


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('titel = "x"', "titel: unknown key; did you mean title?"),
        ("zzz = 1", "zzz: unknown key; known: title, challenges"),
        ('[[challenges]]\nid = "04"\nwieght = 2', r"challenges[0].wieght: .* mean weight?"),
        ('[[teams]]\nname = "a"\nmember = []', r"teams[0].member: .* mean members?"),
        ("attempts = 0", "attempts: Expected `int` >= 1"),
        ('attempts = "3"', "attempts: Expected `int"),
        ('count = "mean"', "count: Invalid enum value 'mean'"),
        ('ranks = "olympic"', "ranks: Invalid enum value"),
        ("opens = 2026-11-28T09:00:00", "opens: .* no time zone"),
        ("closes = 2026-11-28", "closes: "),
        ('cooldown = "2 minutes"', "cooldown: .*write 90s"),
        ("cooldown = 120", "cooldown: Expected `str`"),
        ("opens = 2026-01-02T00:00:00Z\ncloses = 2026-01-01T00:00:00Z", "closes before it opens"),
        ('[[challenges]]\nid = "04"\nweight = 0', r"challenges[0].weight: "),
        ('[[challenges]]\nid = "04"\nweight = inf', "no number up to 1000000"),
        ('[[challenges]]\nid = "04"\nweight = 1e308', "no number up to 1000000"),
        ('[[challenges]]\nid = "04"\nweight = nan', r"challenges[0]"),
        ('[[challenges]]\nid = "04"\n[[challenges]]\nid = "04"', "'04' is there twice"),
        ('[[teams]]\nname = "a"\n[[teams]]\nname = "a"', "'a' is there twice"),
        ('[[teams]]\nname = ""', r"teams[0].name: "),
        ("challenges = 3", "challenges: Expected `array`"),
        ("teams = [3]", r"teams[0]: Expected `object`"),
        ("title =", "Invalid value"),
        ("x = " + "[" * 5000, "recursion"),
        ('"\\u001b[2J" = 1', r"\x1b[2J: unknown key"),
    ],
)
def test_what_is_wrong_is_named_with_its_file(tmp_path: Path, text: str, words: str) -> None:
    """An error names the file and the key, says what is wrong, and is safe to print."""
    pattern = re.escape(words).replace(r"\.\*", ".*")

    with pytest.raises(EventError, match=pattern) as caught:
        load(tmp_path, text)

    assert "leaderboard.toml: " in str(caught.value)
    assert str(caught.value).isprintable()


def test_what_is_no_event_file_is_refused(tmp_path: Path) -> None:
    """Not there, a folder, too large, not UTF-8: each is an error, and none is waited for."""
    path = tmp_path / "event.toml"
    with pytest.raises(EventError, match="No such file"):
        load_event(path)
    with pytest.raises(EventError, match="not a plain file"):
        load_event(tmp_path)
    path.write_bytes(b"title = '\xff'")
    with pytest.raises(EventError, match=r"event\.toml"):
        load_event(path)
    with path.open("wb") as file:
        file.truncate(2**20 + 1)
    with pytest.raises(EventError, match="larger than"):
        load_event(path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(EventError, match="not a plain file"):
            load_event(tmp_path / "pipe")


def test_spans_and_moments() -> None:
    """A span is a number and a unit; a moment is a span ago, or a time with its zone."""
    now = datetime(2026, 11, 28, 12, tzinfo=UTC)

    assert [span(text) for text in ("90s", "2m", "2h", "3d")] == [
        timedelta(seconds=90),
        timedelta(minutes=2),
        timedelta(hours=2),
        timedelta(days=3),
    ]
    assert moment("2h", now) == datetime(2026, 11, 28, 10, tzinfo=UTC)
    assert moment("2026-11-28T09:00+01:00", now) == datetime(2026, 11, 28, 8, tzinfo=UTC)
    assert moment("2026-11-28T09:00Z", now) == datetime(2026, 11, 28, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["", "2", "h", "-2h", "2 h", "1w", "9999999d", "999999d", "٣h", "tomorrow\x1b"]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    """The error shows how a time is written, and is safe to print."""
    with pytest.raises(EventError, match="2h") as caught:
        moment(text, datetime(2026, 11, 28, tzinfo=UTC))
    assert str(caught.value).isprintable()


def test_a_moment_without_a_zone_is_refused() -> None:
    """It would mean another moment on every machine."""
    with pytest.raises(EventError, match="time zone"):
        moment("2026-11-28T09:00", datetime(2026, 11, 28, tzinfo=UTC))
