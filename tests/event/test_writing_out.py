"""`grader event hand-ins`: every version as plain files, whose manifests lead back to the same hand-ins."""

from __future__ import annotations

import csv
import io
import os
import shutil
import stat
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner
from test_waiting import Grader, run_once

from grader import planning
from grader.challenge import Challenge
from grader.cli import main
from grader.entries import Entry, Names, manifest
from grader.events.folder import EventFolder, read_rules
from grader.events.waiting import Arrival, Queue
from grader.events.writing_out import write_out
from leaderboard.event import load_event
from leaderboard.ranking import standings
from leaderboard.store import Store, folder_name


def hand_in(event: EventFolder) -> None:
    """Two versions of one file, a folder in an archive, a guest with a strange name, and an empty file."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("90_mini.py", "import helper\n")
        archive.writestr("lib/helper.py", "x = 3\n")
    files = {
        "red/90.py": b"x = 1\n",
        "red/90_empty.py": b"",
        "Blue-Whales/90.zip": packed.getvalue(),
        "=gu,\"est'/90.py": "x = 'é'\r\n".encode(),
    }
    for place, data in files.items():
        (event.inbox / place).parent.mkdir(exist_ok=True)
        (event.inbox / place).write_bytes(data)


@pytest.fixture
def lived(event: EventFolder, mini: Challenge) -> EventFolder:
    """An event that has graded all that, the first version of one file before it was replaced."""
    hand_in(event)
    run_once(event, mini, Grader())
    (event.inbox / "red" / "90.py").write_bytes(b"x = 2\n")
    run_once(event, mini, Grader())
    return event


def kept(event: EventFolder) -> list[Arrival]:
    """What has its score."""
    return [one for one in Queue(event.queue, event.graded).graded() if isinstance(one, Arrival)]


def test_all_that_has_a_score_is_kept(lived: EventFolder) -> None:
    """Each score has its hand-in, also of a version that was replaced; nothing is left in the queue."""
    scores, _ = Store(lived.scores).read()

    assert len(scores) == 5
    assert {(one.team, one.id) for one in kept(lived)} == {(one.team, one.id) for one in scores}
    assert list(lived.queue.iterdir()) == []


def test_manifests_lead_back_to_the_hand_ins(
    lived: EventFolder, mini: Challenge, tmp_path: Path
) -> None:
    """Team, time and bytes are the same when a batch reads them; what was not read is named."""
    out = tmp_path / "out"
    written = write_out(lived, read_rules(lived, [mini]), out)
    found = manifest(out / mini.key / "hand-ins.csv", Names(mini))
    back = [planning.read(one) for one in found if isinstance(one, Entry)]

    assert written.hand_ins == 4
    assert ["was not read" in reason for reason in written.left_out] == [True]
    assert sorted((one.entry.team, one.submitted_at, one.sha256) for one in back) == sorted(
        (one.team, one.arrived, one.submission.sha256) for one in kept(lived) if not one.problem
    )


def test_a_spreadsheet_runs_nothing_of_a_manifest(
    lived: EventFolder, mini: Challenge, tmp_path: Path
) -> None:
    """A guest that is called like a formula is text where the organiser opens the list."""
    write_out(lived, read_rules(lived, [mini]), tmp_path / "out")
    text = (tmp_path / "out" / mini.key / "hand-ins.csv").read_text("utf-8")
    teams = [row["team"] for row in csv.DictReader(io.StringIO(text))]

    assert sorted(teams) == ["'=gu,\"est'", "Blue Whales", "red", "red"]


def test_files_are_called_as_their_scores(
    lived: EventFolder, mini: Challenge, tmp_path: Path
) -> None:
    """Who looks for the hand-in of a score finds it by the score's path."""
    write_out(lived, read_rules(lived, [mini]), tmp_path / "out")
    (path,) = (lived.scores / mini.key / folder_name("Blue Whales")).glob("*.json")
    folder = tmp_path / "out" / mini.key / folder_name("Blue Whales") / path.stem

    assert (folder / "90_mini.py").read_text() == "import helper\n"
    assert (folder / "lib" / "helper.py").read_text() == "x = 3\n"


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_what_is_kept_is_for_the_organiser(
    lived: EventFolder, mini: Challenge, tmp_path: Path
) -> None:
    """Neither in the event's folder nor written out can a team read another team's."""
    write_out(lived, read_rules(lived, [mini]), tmp_path / "out")

    for folder in (lived.graded, tmp_path / "out"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_names_that_are_no_text_and_damage_are_told(
    lived: EventFolder, mini: Challenge, tmp_path: Path
) -> None:
    """What would come back as another hand-in is left out, and so is half a file."""
    (first, *_) = sorted(lived.graded.iterdir())
    first.write_bytes(first.read_bytes()[:-1])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("90_mini.py", "x = 7\n")
        archive.writestr("bell\x07.py", "x = 8\n")
    (lived.inbox / "red" / "90_7.zip").write_bytes(packed.getvalue())
    run_once(lived, mini, Grader())
    written = write_out(lived, read_rules(lived, [mini]), tmp_path / "out")

    assert any("is damaged" in reason for reason in written.left_out)
    assert any("no text" in reason for reason in written.left_out)
    assert written.hand_ins == 3


def test_nothing_is_overwritten(lived: EventFolder, mini: Challenge, tmp_path: Path) -> None:
    """A folder with something in it is refused and left as it is."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine").touch()
    words = ["event", "hand-ins", str(lived.path), "--challenge", str(mini.folder)]
    result = CliRunner().invoke(main, [*words, "--out", str(out)])

    assert result.exit_code == 2
    assert "is there already" in result.stderr
    assert [path.name for path in out.iterdir()] == ["mine"]


@pytest.mark.walls
def test_a_spec_that_was_mended(tmp_path: Path, mini: Challenge) -> None:
    """Graded again a hand-in has its points, at its time, and its team has used up no other attempt."""
    challenge = shutil.copytree(mini.folder, tmp_path / mini.key)
    specs = challenge / "specs" / "test_mini.py"
    right = specs.read_text("utf-8")
    specs.write_text(right.replace("reference.row_means(x)", "1 + reference.row_means(x)"), "utf-8")
    event = EventFolder(tmp_path / "day")
    own = ["--challenge", str(challenge)]
    versions = ["event", "hand-ins", str(event.path), *own, "--out", str(tmp_path / "versions")]
    again = ["batch", str(tmp_path / "versions" / mini.key / "hand-ins.csv"), *own, "--resume"]
    invoke("event", "new", str(event.path), *own)
    event.rules.write_text("attempts = 1\n" + event.rules.read_text("utf-8"), "utf-8")
    (event.inbox / "red").mkdir()
    shutil.copy(mini.solution, event.inbox / "red" / "90.py")
    invoke("event", "run", str(event.path), "--once", "--quiet", "0", *own)
    before = Store(event.scores).read()[0]
    specs.write_text(right, "utf-8")
    invoke(*versions)
    invoke(*again, "--store", str(event.scores))
    after = Store(event.scores).read()[0]
    (row,) = standings(after, "90", load_event(event.rules))

    assert [one.score for one in before] == [70]
    assert sorted(one.score for one in after) == [70, 100]
    assert {(one.id, one.submitted_at) for one in after} == {
        (one.id, one.submitted_at) for one in before
    }
    assert (row.score, row.attempts, row.not_counted) == (100, 1, 0)


def invoke(*words: str) -> None:
    """Run a command of the grader that must not complain."""
    result = CliRunner().invoke(main, list(words))
    assert result.exit_code in (0, 1), result.output
