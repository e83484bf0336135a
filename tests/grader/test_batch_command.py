"""`grader batch`: its answer, its talk, its exit codes, and what it leaves in the store."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

import grader
from grader.challenge import Challenge
from grader.cli import main
from leaderboard.score import Score
from leaderboard.store import Store

ROOT = Path(grader.__file__).parent.parent
PART = (ROOT / "tests" / "exploits" / "honest_part.py").read_text("utf-8")
HANGS = "while True:\n    pass\n"
SYNTAX = "def double(x:\n"


class Place:
    """A folder of hand-ins and a store of their own."""

    def __init__(self, folder: Path, mini: Challenge) -> None:
        self.hand_ins = folder / "hand-ins"
        self.hand_ins.mkdir()
        self.store = Store(folder / "store")
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.right = mini.solution.read_text("utf-8")
        self._always = ["--challenge", str(mini.folder), "--store", str(self.store.path)]

    def put(self, team: str, text: str, name: str = "90.py") -> Path:
        """A hand-in of a team."""
        path = self.hand_ins / team / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
        return path

    def arguments(self, *more: str, sources: tuple[Path, ...] = ()) -> list[str]:
        """What stands on the command line behind `grader`."""
        return ["batch", *map(str, sources or (self.hand_ins,)), *self._always, *more]

    def run(self, *more: str, sources: tuple[Path, ...] = ()) -> tuple[int, str, str]:
        """Run it in this process; returns exit code, standard output, standard error."""
        arguments = self.arguments(*more, sources=sources)
        result = CliRunner().invoke(main, arguments, prog_name="grader")
        return result.exit_code, result.stdout, result.stderr

    def start(self, *more: str) -> subprocess.Popen[str]:
        """Start it as a process of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "grader", *self.arguments(*more)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(self.temporary)},
        )

    def scores(self) -> dict[str, Score]:
        """The scores in the store by team; each team has one."""
        scores, problems = self.store.read()
        assert problems == []
        assert len({score.team for score in scores}) == len(scores)
        return {score.team: score for score in scores}


@pytest.fixture
def place(mini: Challenge, tmp_path: Path) -> Place:
    """Hand-ins, store and temporary folder."""
    return Place(tmp_path, mini)


# What is graded for real.


@pytest.mark.walls
def test_a_batch_from_beginning_to_end(place: Place, tmp_path: Path) -> None:
    """Folders, an archive and a manifest are graded, each hand-in once, and the summary tells all of it.

    A second run needs a word; with --resume everything is done, and a new team is lent its score."""
    place.put("ada", place.right)
    place.put("bob", PART)
    place.put("eve", SYNTAX)
    place.put("eve", "", "04.py")
    folder = tmp_path / "more"
    (folder / "東京 \x1b[2J").mkdir(parents=True)
    (folder / "東京 \x1b[2J" / "mine.py").write_text(place.right)
    archive = Path(shutil.make_archive(str(tmp_path / "more"), "gztar", folder))
    (tmp_path / "late.py").write_text(PART)
    manifest = tmp_path / "late.csv"
    manifest.write_text("team,challenge,path,submitted_at\nzoe,90,late.py,2026-01-02T03:04:05Z\n")
    sources = place.hand_ins, archive, manifest
    code, out, err = place.run("-j", "1", "--json", sources=sources)
    summary = json.loads(out)
    scores = place.scores()

    assert code == summary["exit_code"] == 3
    (row,) = summary["challenges"]
    assert {name: row[name] for name in ("hand_ins", "distinct", "passed", "not_passed")} == {
        "hand_ins": 5,
        "distinct": 3,
        "passed": 2,
        "not_passed": 2,
    }
    assert (row["ungradable"], row["no_score"], row["median_score"]) == (1, 0, 40)
    assert [Path(one["path"]).name for one in summary["skipped"]] == ["04.py"]
    assert re.search(r"warning: skipped .*eve/04\.py: its name is that of 04", err)
    assert "5/5" in err
    assert {team: (one.status, one.score) for team, one in scores.items()} == {
        "ada": ("graded", 100),
        "bob": ("graded", 40),
        "eve": ("ungradable", 0),
        "東京 \x1b[2J": ("graded", 100),
        "zoe": ("graded", 40),
    }
    assert scores["zoe"].submitted_at.isoformat() == "2026-01-02T03:04:05+00:00"
    assert scores["ada"].submitted_at == scores["eve"].submitted_at
    assert scores["ada"].seed == scores["東京 \x1b[2J"].seed != scores["bob"].seed

    code, out, err = place.run(sources=sources)
    assert (code, out) == (2, "")
    assert "5 of 5 hand-ins have a score already" in err
    place.put("new", PART)
    code, out, err = place.run("--resume", sources=sources)
    assert code == 3
    assert re.search(r"90 .* 6 +3 +2 +3 +1 ", out)
    assert place.scores()["new"].seed == scores["bob"].seed
    assert place.scores()["new"].submission.name == "90.py"
    assert {team: place.scores()[team] for team in scores} == scores


@pytest.mark.walls
def test_a_regrade_adds_and_edits_nothing(place: Place) -> None:
    """New records of the same attempts stand beside the old ones; a seed and limits can be given."""
    place.put("ada", place.right)
    assert place.run("--seed", "1f", "--timeout", "50", "--memory", "900")[0] == 0
    (before,) = place.store.read()[0]
    assert place.run("--regrade")[0] == 0
    scores = place.store.read()[0]

    assert (before.seed, before.limits.wall_s, before.limits.memory_mb) == ("1f", 50, 900)
    assert before in scores
    assert len(scores) == 2
    assert {(one.id, one.submitted_at) for one in scores} == {(before.id, before.submitted_at)}
    assert scores[0].seed != scores[1].seed


@pytest.mark.walls
def test_fail_fast_stops_at_the_first(place: Place) -> None:
    """What comes before is recorded, the one that did not pass as well, and others have no score."""
    place.put("a", place.right)
    place.put("b", PART)
    for number in range(8):
        place.put(f"c{number}", f"{place.right}\n# {number}\n")
    code, out, _ = place.run("--fail-fast")

    assert code == 1
    assert {"a", "b"} <= set(place.scores())
    # One more may have been done at that moment.
    assert len(place.scores()) <= 3
    assert "no score" in out


@pytest.mark.walls
@pytest.mark.skipif(os.name != "posix", reason="sends a signal")
def test_an_interrupted_batch_says_how_to_go_on(place: Place) -> None:
    """Ctrl-C ends what runs without a score, keeps what is saved and nothing else; --resume goes on."""
    place.put("a", place.right)
    hanging = place.put("b", HANGS)
    running = place.start()
    while not list(place.store.path.rglob("*.json")):
        assert running.poll() is None
        time.sleep(0.05)
    time.sleep(0.3)
    running.send_signal(signal.SIGINT)
    out, err = running.communicate(timeout=60)

    assert running.returncode == 130
    assert set(place.scores()) == {"a"}
    assert "Interrupted. 1 new scores are in" in err
    assert "The same command with --resume goes on" in err
    assert "Traceback" not in err
    assert re.search(r"90 .* 2 +2 +1 +0 +1 ", out)
    assert list(place.temporary.iterdir()) == []
    hanging.write_text(PART)
    assert place.run("--resume")[0] == 1
    assert set(place.scores()) == {"a", "b"}


@pytest.mark.walls
@pytest.mark.skipif(os.name != "posix", reason="needs a terminal")
def test_a_terminal_sees_a_bar(place: Place) -> None:
    """On a terminal one line shows how many, how fast, how long still and what came out."""
    place.put("ada", place.right)
    place.put("bob", SYNTAX)
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "grader", *place.arguments()],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "140", "TERM": "xterm"},
    ) as running:
        os.close(theirs)
        told = b""
        while True:
            try:
                chunk = os.read(ours, 4096)
            except OSError:
                break
            if not chunk:
                break
            told += chunk
        assert running.stdout is not None
        out = running.stdout.read().decode()
    os.close(ours)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", told.decode())

    assert running.returncode == 3
    assert re.search(r"2/2 \d+/min · 0:00 left · 1 passed · 1 ungradable", text)
    assert "\x1b" not in out


# What is refused, and what is only said.


def test_a_dry_run_grades_nothing(place: Place) -> None:
    """It tells what would be graded, as a table or as JSON."""
    place.put("ada", place.right)
    place.put("bob", place.right)
    place.put("eve", "")
    place.put("eve", "", "04.py")
    code, out, err = place.run("--dry-run")

    assert code == 0
    assert re.search(r"90 +A challenge for tests +3 +0 +1 +0 +3 +1\n", out)
    assert "eve/04.py" in out
    assert "Nothing was graded." in err
    assert not place.store.path.exists()
    (row,) = json.loads(place.run("--dry-run", "--json")[1])
    assert (row["hand_ins"], row["to_grade"]) == (3, 1)


def test_nothing_to_grade_is_wrong_usage(place: Place) -> None:
    """Exit code 2, and the reason for each thing that is there."""
    place.put("ada", "", "04.py")
    code, out, err = place.run()

    assert (code, out) == (2, "")
    assert "There is nothing to grade." in err
    assert "ada/04.py: its name is that of 04" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--resume", "--regrade"], "exclude each other"),
        (["-j", "100000"], "cores"),
        (["-j", "0"], "a number of slots or auto"),
        (["-j", "many"], "a number of slots or auto"),
        (["--seed", "xyz"], "hexadecimal"),
        (["--format", "wide"], "no table format"),
        (["--device", "tpu"], "no device"),
        (["--challenge", "nonsense"], "no challenge"),
    ],
)
def test_wrong_usage_is_told_before_anything_is_graded(
    arguments: list[str], said: str, place: Place
) -> None:
    """Exit code 2 and a sentence."""
    place.put("ada", place.right)
    code, out, err = place.run(*arguments)

    assert (code, out) == (2, "")
    assert said in err
    assert not place.store.path.exists()


def test_a_source_is_needed() -> None:
    """Without a source there is nothing to do."""
    assert CliRunner().invoke(main, ["batch"]).exit_code == 2


def test_names_of_strangers_are_shown_and_not_obeyed(place: Place) -> None:
    """Names of teams and files come as escapes, on both streams and in JSON."""
    place.put("\x1b[2J\u202eada", "", "\x1b]0;x\x07.txt")
    place.put("\x1b[2J\u202eada", "", "90.py")
    for more in (["--dry-run"], [], ["--resume", "--json"]):
        _, out, err = place.run(*more)

        assert not re.search("[\x00-\x09\x0b-\x1f\u202e]", out + err)
    assert "\\u001b[2J" in out


def test_formats(place: Place) -> None:
    """The summary comes in the formats of tabulate, as csv and as json."""
    place.put("ada", "")
    assert place.run("--format", "github")[1].startswith("| challenge")
    assert place.run("--resume", "--format", "csv")[1].startswith("challenge,title,hand_ins")
    assert json.loads(place.run("--resume", "--format", "json")[1])[0]["ungradable"] == 1


def test_a_store_that_takes_nothing_is_our_fault(place: Place) -> None:
    """Exit code 4, where and the cure in words."""
    place.put("ada", "")
    place.store.path.mkdir()
    (place.store.path / "90_mini").write_text("a file")
    code, _, err = place.run()

    assert code == 4
    assert f"{place.store.path}" in err
    assert "Traceback" not in err
