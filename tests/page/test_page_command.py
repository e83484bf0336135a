"""`grader page` as a command."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from page_scores import attempt

from grader.cli import main
from leaderboard.store import Store


def run(*arguments: object) -> Result:
    """The command with its output and exit code."""
    return CliRunner().invoke(main, ["page", *map(str, arguments)])


def test_it_writes_the_pages_and_prints_the_first(tmp_path: Path) -> None:
    """Standard output is the page to open; how many there are is talk."""
    Store(tmp_path / "scores").add(attempt("Red Team"))
    result = run("--store", tmp_path / "scores", "--out", tmp_path / "page", "--title", "Our day")

    assert (result.exit_code, result.stdout) == (0, f"{tmp_path / 'page' / 'index.html'}\n")
    text = (tmp_path / "page" / "index.html").read_text("utf-8")
    assert "Red Team" in text and "<h1>Our day</h1>" in text


def test_an_empty_store_has_a_page(tmp_path: Path) -> None:
    """Before the first score there is something to put on the projector."""
    (tmp_path / "scores").mkdir()
    result = run("--store", tmp_path / "scores", "--out", tmp_path / "page")

    assert result.exit_code == 0
    assert "grader start 04" in (tmp_path / "page" / "index.html").read_text("utf-8")


@pytest.mark.parametrize("by", ["option", "environment"])
def test_a_store_that_is_not_there_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """A slip in the name of the store costs nobody the pages: a sentence, exit code 2."""
    Store(tmp_path / "scores").add(attempt("Red Team"))
    run("--store", tmp_path / "scores", "--out", tmp_path / "page")
    wrong = tmp_path / "scoers"
    if by == "option":
        result = run("--store", wrong, "--out", tmp_path / "page")
    else:
        monkeypatch.setenv("GRADER_STORE", str(wrong))
        result = run("--out", tmp_path / "page")

    assert result.exit_code == 2
    assert f"There is no folder {wrong}. Name one with --store." in result.stderr
    assert "Red Team" in (tmp_path / "page" / "index.html").read_text("utf-8")


def test_the_usual_store_need_not_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever named no store made no slip: before the first score the page is empty."""
    monkeypatch.delenv("GRADER_STORE", raising=False)
    monkeypatch.setattr("grader.__file__", str(tmp_path / "grader" / "__init__.py"))
    monkeypatch.chdir(tmp_path)
    result = run("--out", tmp_path / "page")

    assert result.exit_code == 0
    assert "grader start 04" in (tmp_path / "page" / "index.html").read_text("utf-8")


def test_damaged_records_are_named_and_the_rest_is_shown(tmp_path: Path) -> None:
    """A file that is no score costs itself only."""
    store = Store(tmp_path / "scores")
    store.add(attempt("red")).with_name("damaged.json").write_text("{")
    result = run("--store", store.path, "--out", tmp_path / "page")

    assert result.exit_code == 0
    assert "damaged.json" in result.stderr
    assert (tmp_path / "page" / "team-red.html").is_file()


def test_rules_are_those_of_the_event(tmp_path: Path) -> None:
    """The event's file gives the title and the weights."""
    store = Store(tmp_path / "scores")
    store.add(attempt("red", 50))
    rules = tmp_path / "rules.toml"
    rules.write_text('title = "Spring"\n[[challenges]]\nid = "04"\nweight = 3\n')
    run("--store", store.path, "--out", tmp_path / "page", "--event", rules)
    text = (tmp_path / "page" / "index.html").read_text("utf-8")

    assert "<h1>Spring</h1>" in text
    assert 'data-v="150.0">150<' in text


@pytest.mark.parametrize("inside", [".", "page", ".."])
def test_pages_in_or_around_the_store_are_refused(tmp_path: Path, inside: str) -> None:
    """Pages among the records would be problems there: a sentence, exit code 2."""
    result = run("--store", tmp_path / "store", "--out", tmp_path / "store" / inside)

    assert result.exit_code == 2
    assert "lie in one another" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_foreign_folder_is_refused(tmp_path: Path) -> None:
    """A folder with somebody's files is left alone: a sentence, exit code 2."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    (tmp_path / "scores").mkdir()
    result = run("--store", tmp_path / "scores", "--out", tmp_path / "mine")

    assert result.exit_code == 2
    assert "notes.txt" in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is a signal here")
def test_ctrl_c_ends_a_live_page_cleanly(tmp_path: Path) -> None:
    """--live prints its address, serves until Ctrl-C, and ends with 0; the pages stay."""
    command = [sys.executable, "-m", "grader", "page", "--live", "--port", "0"]
    command += ["--store", str(tmp_path / "scores"), "--out", str(tmp_path / "page")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    address = process.stdout.readline().strip()
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address)
    with urllib.request.urlopen(f"{address}events", timeout=20) as events:
        events.readline()
        process.send_signal(signal.SIGINT)
        _, talk = process.communicate(timeout=20)

    assert process.returncode == 0, talk
    assert "Stopped." in talk and "Traceback" not in talk
    assert "scores yet: the first score makes it." in talk
    assert (tmp_path / "page" / "index.html").is_file()
