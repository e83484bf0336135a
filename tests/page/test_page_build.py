"""The pages as files: whole, ours, and the same for the same scores."""

from __future__ import annotations

import errno
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from page_scores import EVENT, HOSTILE, NOW, attempt, hack_day, hostile_scores

from leaderboard.errors import PageError
from leaderboard.event import NO_EVENT, Entry, Event, Team
from leaderboard.locks import create_held
from leaderboard.page import build as building
from leaderboard.page.build import MANIFEST, build
from leaderboard.page.names import file_name
from leaderboard.score import Score

MB = 2**20


def contents(folder: Path) -> dict[str, bytes]:
    """Every file with its bytes."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_there_is_a_page_for_each_challenge_and_team(tmp_path: Path, day: list[Score]) -> None:
    """Projector, desk, three challenges and twelve teams; all that is returned is there."""
    pages = build(day, EVENT, tmp_path / "page", NOW)

    assert [page.name for page in pages[:2]] == ["index.html", "desk.html"]
    assert len(pages) == 2 + 3 + 12
    assert set(contents(tmp_path / "page")) == {page.name for page in pages} | {MANIFEST}


@settings(max_examples=10, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_records_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, day: list[Score], random: object
) -> None:
    """Shuffled and with copies among them, the same records give the same bytes."""
    folder = tmp_path_factory.mktemp("order")
    build(day[:40], EVENT, folder / "a", NOW)
    shuffled = [*day[:40], *day[5:9]]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    build(shuffled, EVENT, folder / "b", NOW)

    assert contents(folder / "a") == contents(folder / "b")


def test_links_lead_somewhere(tmp_path: Path, day: list[Score]) -> None:
    """Every link of every page is that of a page, also for hostile names."""
    pages = build([*day, *hostile_scores()], EVENT, tmp_path / "page", NOW)
    names = {page.name for page in pages}
    for page in pages:
        links = set(re.findall(r'<a [^>]*href="([^"#]+)"', page.read_text("utf-8")))

        assert links <= names, page.name


def test_no_page_refers_to_anything_outside(tmp_path: Path, day: list[Score]) -> None:
    """No address of another place stands where a browser would load it, and nothing is styled in place."""
    for page in build([*day, *hostile_scores()], EVENT, tmp_path / "page", NOW):
        text = page.read_text("utf-8")
        markup = re.sub(r"(?s)<(style|script)>.*?</\1>", "", text)

        assert re.findall(r'\s(?:src|srcset|action|poster|style|on\w+)="', markup) == []
        assert set(re.findall(r'<link [^>]*href="([a-z]+:)', markup)) == {"data:"}
        assert "@import" not in text and "url(" not in text


def test_no_hostile_text_becomes_markup(tmp_path: Path) -> None:
    """Tags, quotes and templates in names and messages are text."""
    # Without an event, every challenge has a page.
    for page in build(hostile_scores(), NO_EVENT, tmp_path / "page", NOW):
        text = page.read_text("utf-8")

        assert text.count("<script") == 1
        assert "<img" not in text and "<h1>gotcha" not in text and "<b>" not in text
        for char in ("\u202e", "\u200b", "\x1b", "\x00"):
            assert char not in text


def test_pages_of_teams_and_challenges_that_are_gone_are_removed(
    tmp_path: Path, day: list[Score]
) -> None:
    """A build leaves the pages of its own scores, and none of an earlier one's."""
    out = tmp_path / "page"
    build([attempt("gone"), *day], EVENT, out, NOW)
    assert (out / file_name("team", "gone")).is_file()
    pages = build(day, EVENT, out, NOW)

    assert set(contents(out)) == {page.name for page in pages} | {MANIFEST}


@pytest.mark.parametrize("name", ["thesis.tex", "index.html", ".git"])
def test_a_folder_with_foreign_files_is_refused(tmp_path: Path, name: str) -> None:
    """Nothing is written beside or over what is not ours; the sentence says what it is and what to do."""
    (tmp_path / name).write_text("mine")
    with pytest.raises(PageError, match=rf"{re.escape(name)}.*--out"):
        build([], EVENT, tmp_path, NOW)

    assert contents(tmp_path) == {name: b"mine"}


def test_a_forged_list_removes_nothing(tmp_path: Path) -> None:
    """A list of pages that names other files is no permission to remove or to ignore them."""
    victim = tmp_path / "victim.html"
    victim.write_text("mine")
    out = tmp_path / "page"
    out.mkdir()
    (out / MANIFEST).write_bytes(msgspec.json.encode({"pages": ["../victim.html", "notes.txt"]}))
    build([], EVENT, out, NOW)
    assert victim.read_text() == "mine"
    (out / "notes.txt").write_text("mine")

    with pytest.raises(PageError, match=r"notes\.txt"):
        build([], EVENT, out, NOW)


@pytest.mark.parametrize("damage", [b"", b"{", b'{"pages": 1}', b"\xff\xfe"])
def test_a_damaged_list_is_said_to_be_one(tmp_path: Path, damage: bytes) -> None:
    """Without its list a folder's pages cannot be told from others: a sentence, and no guess."""
    build([], EVENT, tmp_path, NOW)
    (tmp_path / MANIFEST).write_bytes(damage)

    with pytest.raises(PageError, match="damaged"):
        build([], EVENT, tmp_path, NOW)


def test_a_reader_never_sees_half_a_page(tmp_path: Path, day: list[Score]) -> None:
    """While pages are written again and again, whoever reads one reads it whole."""
    build(day[:30], EVENT, tmp_path, NOW)
    stop, broken = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            text = (tmp_path / "desk.html").read_bytes()
            if not (text.startswith(b"<!doctype html>") and text.endswith(b"</html>\n")):
                broken.append(text)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(10):
        build(day[: 30 + number], EVENT, tmp_path, NOW + timedelta(seconds=number))
    stop.set()
    reader.join()

    assert broken == []


def test_a_build_that_was_interrupted_is_finished_by_the_next(
    tmp_path: Path, day: list[Score], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed between two pages, a build leaves whole files that the next takes for its own."""
    written = []
    replace = building._replace

    def interrupted(path: Path, data: bytes) -> None:
        written.append(path)
        if len(written) == 5:
            raise KeyboardInterrupt
        replace(path, data)

    with monkeypatch.context() as patch:
        patch.setattr(building, "_replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            build(day, EVENT, tmp_path / "page", NOW)
    (tmp_path / "page" / ".grader-page-0123.tmp").write_bytes(b"<!doc")
    pages = build(day[:3], EVENT, tmp_path / "page", NOW)

    assert set(contents(tmp_path / "page")) == {page.name for page in pages} | {MANIFEST}


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit that POSIX has")
def test_a_full_disk_is_a_sentence_and_the_pages_stay(tmp_path: Path, day: list[Score]) -> None:
    """When no page can be written, the error names the folder, and the old pages are whole."""
    import resource

    build(day[:5], EVENT, tmp_path, NOW)
    before = contents(tmp_path)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The system's signal for it is ignored by Python, so a write ends as on a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(PageError, match="--out"):
            build(day, EVENT, tmp_path, NOW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    after = contents(tmp_path)
    build(day[:5], EVENT, tmp_path, NOW)

    assert {name: after[name] for name in before if name != MANIFEST} == {
        name: data for name, data in before.items() if name != MANIFEST
    }
    assert contents(tmp_path) == before


KILLED = """
import sys
sys.path[:0] = [{tests!r}]
from page_scores import EVENT, NOW, hack_day
from pathlib import Path
from leaderboard.page import build as building
replace = building._replace
def told(path, data):
    print(path.name, flush=True)
    replace(path, data)
building._replace = told
building.build(hack_day(), EVENT, Path({out!r}), NOW)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there, a lock outlives its owner")
@pytest.mark.parametrize("pages", [1, 2, 9, 17])
def test_a_build_that_was_killed_is_finished_by_the_next(
    tmp_path: Path, day: list[Score], pages: int
) -> None:
    """Killed at any page, a build leaves neither half a page nor a lock, and nothing foreign."""
    out = tmp_path / "page"
    code = KILLED.format(tests=str(Path(__file__).parent), out=str(out))
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout
        for _ in range(pages):
            process.stdout.readline()
        process.kill()
    for path in out.glob("*.html"):
        assert path.read_bytes().endswith(b"</html>\n")
    made = build(day[:3], EVENT, out, NOW)

    assert set(contents(out)) == {page.name for page in made} | {MANIFEST}


def test_several_builds_in_one_folder_do_not_meet(tmp_path: Path, day: list[Score]) -> None:
    """Builds of different scores at the same time leave the pages of one of them, whole."""
    parts = [day[:20], day[40:60], [attempt("alone")]]
    with ThreadPoolExecutor() as pool:
        for _ in range(5):
            list(pool.map(lambda part: build(part, EVENT, tmp_path / "page", NOW), parts))
    left = contents(tmp_path / "page")
    wholes = []
    for number, part in enumerate(parts):
        build(part, EVENT, tmp_path / str(number), NOW)
        wholes.append(contents(tmp_path / str(number)))

    assert left in wholes


def test_a_build_that_never_ends_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where another build holds the folder for too long, the error says so."""
    monkeypatch.setattr(building, "PATIENCE_S", 0.0)
    with (
        create_held(tmp_path / ".grader-page-lock.tmp"),
        pytest.raises(PageError, match="Another build"),
    ):
        build([], EVENT, tmp_path, NOW)


def test_a_file_in_the_way_is_a_sentence(tmp_path: Path) -> None:
    """Where the folder should be lies a file: the error names it and what to do."""
    (tmp_path / "page").write_text("mine")
    with pytest.raises(PageError, match=r"page.*--out"):
        build([], EVENT, tmp_path / "page", NOW)

    assert (tmp_path / "page").read_text() == "mine"


def test_a_link_in_the_folder_is_replaced_and_not_followed(tmp_path: Path) -> None:
    """A page whose name has become a link elsewhere is written here, and nothing there."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    build([], EVENT, tmp_path / "page", NOW)
    (tmp_path / "page" / "index.html").unlink()
    (tmp_path / "page" / "index.html").symlink_to(victim)
    build([], EVENT, tmp_path / "page", NOW)

    assert victim.read_text() == "mine"
    assert not (tmp_path / "page" / "index.html").is_symlink()


def test_guests_and_what_does_not_count_are_shown_as_such(tmp_path: Path) -> None:
    """A team off the roster is a guest without a place; a late attempt is called late."""
    event = Event(teams=(Team(name="red"),), closes=attempt(minute=30).submitted_at)
    scores = [attempt("red", 50), attempt("red", 100, minute=60), attempt("strangers", 100)]
    build(scores, event, tmp_path, NOW)
    desk = (tmp_path / "desk.html").read_text("utf-8")

    assert "guest" in desk
    assert '<span class="mark out">late</span>' in desk


def test_an_event_of_a_challenge_without_scores_has_its_page(
    tmp_path: Path, day: list[Score]
) -> None:
    """A challenge that nobody has tried has a page that says so."""
    build(day[:20], EVENT, tmp_path, NOW)

    assert "Nobody has tried it yet." in (tmp_path / "challenge-05.html").read_text("utf-8")


def test_curves_that_cannot_be_true_harm_no_page(tmp_path: Path, day: list[Score]) -> None:
    """Losses and seconds of any size, or none, leave a page that can be drawn."""
    trained = [one for one in day if one.curve]
    for loss, seconds in ((1e308, 1e308), (-1e308, 0.0), (None, 1.0), (0.0, 0.0)):
        curve = tuple(
            msgspec.structs.replace(point, loss=loss, seconds=seconds) for point in trained[0].curve
        )
        spoilt = msgspec.structs.replace(trained[0], team="spoilt", curve=curve)
        build([spoilt, *trained], EVENT, tmp_path, NOW)
        build([spoilt], EVENT, tmp_path, NOW)
        text = (tmp_path / "challenge-05.html").read_text("utf-8")

        assert "nan" not in text and "inf " not in text


@pytest.mark.parametrize("weight", [1e-300, 1e-9, 1e6])
def test_weights_of_any_size_can_be_drawn(tmp_path: Path, weight: float) -> None:
    """The axis of totals goes as far as the weights do."""
    event = Event(challenges=(Entry(id="04", weight=weight),))
    build([attempt(points=50), attempt("blue", 100, minute=3)], event, tmp_path, NOW)
    drawn = re.findall(r' d="([^"]*)"', (tmp_path / "index.html").read_text("utf-8"))

    assert not any("nan" in one or "inf" in one for one in drawn)


@pytest.mark.parametrize("year", [1, 9999])
def test_times_at_the_ends_of_the_calendar_can_be_drawn(tmp_path: Path, year: int) -> None:
    """A machine whose clock was wrong by centuries has pages too."""
    moment = datetime(year, 12, 31, 23, 59, 59, 999_999, UTC)
    one = msgspec.structs.replace(attempt(), submitted_at=moment, graded_at=moment)

    assert len(build([one, attempt("blue", 100)], NO_EVENT, tmp_path, NOW)) == 5


def test_a_challenge_that_only_we_failed_to_grade_is_none(tmp_path: Path) -> None:
    """Our own faults make no challenge, and no team, appear."""
    info = msgspec.structs.replace(attempt().challenge, id="05")
    fault = msgspec.structs.replace(
        attempt("unlucky", 0), challenge=info, status="grader_fault", passed=False
    )
    names = [page.name for page in build([attempt(), fault], NO_EVENT, tmp_path, NOW)]

    assert names == ["index.html", "desk.html", "challenge-04.html", "team-red.html"]


def test_a_large_event_stays_usable(tmp_path: Path) -> None:
    """Of 60 teams and 3,000 attempts no page is larger than a megabyte, and every attempt is there."""
    teams = [f"team {number}" for number in range(60)]
    pages = build(hack_day(3000, teams), EVENT, tmp_path, NOW)
    desks = [page for page in pages if page.name.startswith("desk")]
    rows = sum(page.read_text("utf-8").count('<tr id="a-') for page in desks)

    assert rows == 3000
    assert max(page.stat().st_size for page in pages) < MB
    assert sum(page.stat().st_size for page in pages) < 20 * MB


def test_names_of_files_never_meet(tmp_path: Path) -> None:
    """Each hostile name has a page of its own on every file system."""
    pages = build(hostile_scores(), NO_EVENT, tmp_path, NOW)
    names = {page.name.lower() for page in pages}

    assert len(names) == len(pages)
    assert {file_name("team", name) for name in HOSTILE} <= names


def test_a_build_that_fails_leaves_no_new_pages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk half a site would keep the space that scores need; pages from before stay."""
    build([attempt()], NO_EVENT, tmp_path, NOW)
    before = {path.name for path in tmp_path.iterdir()}
    honest = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        if len({one.name for one in tmp_path.iterdir()} - before) > 1:
            raise OSError(errno.ENOSPC, "No space left on device")
        return honest(path, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(PageError, match="No space left"):
        build([attempt(), attempt("a"), attempt("b"), attempt("c")], NO_EVENT, tmp_path, NOW)

    assert {path.name for path in tmp_path.iterdir()} == before
