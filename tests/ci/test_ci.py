"""`grader ci` on pull requests without malice: what is found, graded, written, and how it ends."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import Future
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from msgspec.structs import replace

from grader.challenge import load
from grader.ci import grading
from grader.errors import HandInError
from grader.grading import unread
from grader.pool import Pool
from leaderboard.score import Score
from leaderboard.store import Store

# Of the fixtures: a repository, its first commit, and the command.
Place = Any
BROKEN = '"""Wrong in line 5."""\n\n\ndef double(x):\n    return x / 0 if x else undefined\n'


@pytest.mark.walls
def test_a_pull_request_from_beginning_to_end(place: Place, tmp_path: Path) -> None:
    """Of what a pull request changes the hand-ins are graded, each for its team; files, store, annotations
    and the exit code tell the same."""
    base = place.commit({"hand-ins/red/90_mini.py": place.part}, branch="main")
    head = place.git.commit(
        {
            "hand-ins/red/90_mini.py": place.right,
            "hand-ins/blue/90_mini.py": place.part,
            "notes/plan.md": "Read more.",
        },
        onto=base,
    )
    store = tmp_path / "store"
    more = ("--store", str(store), "--annotations", "github", "--out", str(place.out))
    done = place.run(head, "--format", "json", *more, base=base)
    report = json.loads(done.out)
    told = {one["team"]: (one["score"], one["met"]) for one in report["hand_ins"]}
    scores, problems = Store(place.out / "scores").read()

    assert done.code == report["exit_code"] == 1
    assert told == {"red": (100, True), "blue": (40, False)}
    assert report["others"] == 1
    assert problems == []
    assert {one.team: (one.score, one.submission.name) for one in scores} == {
        "red": (100, "90_mini.py"),
        "blue": (40, "90_mini.py"),
    }
    assert Store(store).read()[0] == scores
    assert len({one.submitted_at for one in scores}) == 1
    suites = ElementTree.parse(place.out / "junit.xml").getroot()
    assert [suite.get("failures") for suite in suites] == ["2", "0"]
    summary = json.loads((place.out / "ctrf.json").read_text("utf-8"))["results"]["summary"]
    assert summary["tests"] == 12
    assert "1 of 2 hand-ins reach what is required" in (place.out / "summary.md").read_text("utf-8")
    assert "::error file=hand-ins/blue/90_mini.py,line=1,title=" in done.err
    assert "hand-ins/red" not in done.err


@pytest.mark.walls
def test_an_annotation_points_at_the_line_of_the_traceback(place: Place) -> None:
    """An exception of the hand-in is shown at the learner's own line, a syntax error at its own."""
    head = place.commit(
        {
            "hand-ins/red/90_mini.py": BROKEN + "row_means = double\nAffine = double\n",
            "hand-ins/blue/90_mini.py": "x = 1\ndef double(:\n",
        }
    )
    done = place.run(head, "--annotations", "github")

    assert done.code == 3
    assert "::error file=hand-ins/red/90_mini.py,line=5,title=" in done.err
    assert "::error file=hand-ins/blue/90_mini.py,line=2,title=ungradable::" in done.err


@pytest.mark.walls
def test_no_worse_compares_with_what_the_base_holds(place: Place) -> None:
    """A hand-in may stay as good as the one that it replaces, and may not become worse; a new one has only
    to be gradable."""
    files = {"hand-ins/red/90_mini.py": place.right, "hand-ins/blue/90_mini.py": place.part}
    base = place.commit(files)
    head = place.git.commit(
        {
            "hand-ins/red/90_mini.py": place.part,
            "hand-ins/blue/90_mini.py": place.part + "\n# better words\n",
            "hand-ins/new/90_mini.py": place.part + "\n# mine\n",
        },
        onto=base,
    )
    code, report = place.report(head, "--require", "no-worse", base=base)

    assert code == 1
    assert {
        one["team"]: (one["before"], one["score"], one["met"]) for one in report["hand_ins"]
    } == {
        "red": (100, 40, False),
        "blue": (40, 40, True),
        "new": (None, 40, True),
    }


class Faulty(Pool):
    """A pool whose second grading fails by our fault."""

    asked = 0

    def submit(self, *arguments: Any, **more: Any) -> Future[Score]:
        self.asked += 1
        if self.asked != 2:
            return super().submit(*arguments, **more)
        failed = replace(unread("x", arguments[1], HandInError("")), status="grader_fault")
        future = Future[Score]()
        future.set_result(replace(failed, message="The judge is gone."))
        return future


@pytest.mark.walls
def test_no_worse_needs_a_grade_of_what_the_base_holds(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where we fail to grade what a hand-in replaces it is our fault, and said: not a bar of no points."""
    monkeypatch.setattr(grading, "Pool", Faulty)
    base = place.commit({"hand-ins/red/90_mini.py": place.right})
    head = place.git.commit({"hand-ins/red/90_mini.py": place.part}, onto=base)
    code, report = place.report(head, "--require", "no-worse", base=base)
    (one,) = report["hand_ins"]

    assert code == report["exit_code"] == 4
    assert (one["score"], one["before"], one["before_status"]) == (40, None, "grader_fault")
    assert one["met"] is False
    summary = (place.out / "summary.md").read_text("utf-8")
    assert "40/100, what it replaces: grader fault" in summary
    assert "by our fault:\n\n```text\nThe judge is gone." in summary


@pytest.mark.walls
@pytest.mark.parametrize("how", ["refused", "wrong usage", "no repository"])
def test_no_report_of_an_earlier_run_is_left(place: Place, how: str) -> None:
    """However a run ends, what an earlier one has written into the same folder is gone, and what others
    have put there stays."""
    head = place.commit({"hand-ins/red/90_mini.py": place.part})
    refused = place.commit({"hand-ins/red/90_mini.py": place.right, "action.yml": "x"})
    place.run(head, "--store", str(place.out / "scores"))
    (mine,) = place.out.rglob("*.json")
    assert place.report(head)[0] == 1
    assert len(Store(place.out / "scores").read()[0]) == 2
    written = ("--out", str(place.out))
    more = {"wrong usage": ("--seed", "xyz"), "no repository": ("--repo", str(place.out))}
    done = place.run(refused, *written, *more.get(how, ()))
    left = {path.name for path in place.out.rglob("*") if path.is_file()}
    report = {"summary.md", "report.json", "junit.xml", "ctrf.json"}

    assert done.code == (3 if how == "refused" else 2)
    assert left == {mine.name} | (report if how == "refused" else set())
    assert "100/100" not in place.written()


@pytest.mark.walls
def test_a_store_is_no_report(place: Place) -> None:
    """What is in a folder of scores by --store stays, also where it is that of the report."""
    head = place.commit({"hand-ins/red/90_mini.py": place.part})
    for _ in range(2):
        place.run(head, "--out", str(place.out), "--store", str(place.out / "scores"))

    assert len(Store(place.out / "scores").read()[0]) == 2


@pytest.mark.parametrize("path", ["action.yml", "notes.md"])
def test_what_was_not_graded_is_not_said_to_be(place: Place, path: str) -> None:
    """A summary of a pull request that was refused, or hands nothing in, tells of no grading."""
    done = place.run(place.commit({path: "x"}), "--format", "markdown")

    assert "was graded against" not in done.out
    assert "was compared with" in done.out


@pytest.mark.walls
@pytest.mark.parametrize(("policy", "code"), [("score>=40", 0), ("score >= 41", 1), ("passed", 1)])
def test_policies(place: Place, policy: str, code: int) -> None:
    """The exit code says whether each hand-in reaches what is required."""
    head = place.commit({"any/where/90_mini.py": place.part})

    assert place.run(head, "--team", "ada", "--require", policy).code == code


@pytest.mark.walls
def test_an_event_keeps_private_specs_back_here_too(place: Place, tmp_path: Path) -> None:
    """With `private = true` no report, annotation or verdict knows them; the store has whole records."""
    folder = shutil.copytree(place.mini.folder, tmp_path / "own" / place.mini.key)
    toml = (folder / "challenge.toml").read_text("utf-8")
    kept = 'private = ["test_affine", "test_affine_twice"]\n'
    (folder / "challenge.toml").write_text(kept + toml, "utf-8")
    place.mini = load(folder)
    store = tmp_path / "store"
    store.mkdir()
    (store / "leaderboard.toml").write_text("private = true\n", "utf-8")
    only_private = place.right.replace("+ self.bias", "- self.bias")
    head = place.commit(
        {"hand-ins/red/90_mini.py": only_private, "hand-ins/blue/90_mini.py": place.part}
    )
    more = ("--store", str(store), "--annotations", "github", "--out", str(place.out))
    done = place.run(head, "--format", "markdown", *more, "--require", "score>=57")
    told = done.out + done.err + place.written()

    assert "row_means returns the mean" in told
    assert "Affine" not in told
    assert (done.code, "70/70" in told, "40/70" in told) == (0, True, True)
    assert not (place.out / "scores").exists()
    assert sorted(one.score for one in Store(store).read()[0]) == [40, 70]
    assert all(len(one.specs) == 5 for one in Store(store).read()[0])


def test_only_what_the_pull_request_itself_has_changed_is_graded(place: Place) -> None:
    """What has come to the base since, and hand-ins that were removed, are not graded."""
    first = place.commit({"hand-ins/red/90_mini.py": place.part})
    head = place.git.commit({"README.md": "x"}, removed=("hand-ins/red/90_mini.py",), onto=first)
    moved = place.git.commit({"hand-ins/blue/90_mini.py": place.part}, onto=first)
    code, report = place.report(head, base=moved)

    assert (code, report["hand_ins"], report["rejected"]) == (0, [], [])
    assert report["removed"] == ["hand-ins/red/90_mini.py"]
    assert report["verdict"] == "No hand-in was changed."


def test_a_merge_of_the_base_brings_nothing_to_grade(place: Place) -> None:
    """A head that has merged the base is graded for its own changes only, also where histories cross."""
    ours = place.commit({"notes.md": "ours"})
    theirs = place.commit({"hand-ins/blue/90_mini.py": place.part, "challenges/x": "new"})
    place.git("read-tree", theirs)
    tree = place.git.commit({"notes.md": "ours"}, onto=theirs)
    tree = place.git("rev-parse", f"{tree}^{{tree}}")
    merge = place.git("commit-tree", tree, "-p", ours, "-p", theirs, "-m", "merge")
    code, report = place.report(merge, base=theirs)

    assert (code, report["hand_ins"], report["refusals"], report["others"]) == (0, [], [], 1)


def test_a_misplaced_or_misspelt_hand_in_is_told(place: Place) -> None:
    """A file that is meant as a hand-in and lies elsewhere, or has other letters, is no silent success."""
    head = place.commit({"90_mini.py": "x", "hand-ins/red/90_Mini.py": "x"})
    code, report = place.report(head)

    assert code == 3
    assert [one["reason"] for one in report["rejected"]] == [
        "it does not lie where hand-ins lie",
        "it has to be called 90_mini.py, in exactly these letters",
    ]


def test_somebody_elses_folder_is_not_graded(place: Place) -> None:
    """Where team and folder are both known, they have to agree."""
    head = place.commit({"hand-ins/red/90_mini.py": place.right})
    code, report = place.report(head, "--hand-ins", "hand-ins/{team}/{file}", "--team", "eve")

    assert (code, report["hand_ins"]) == (3, [])
    assert report["rejected"][0]["reason"] == (
        "it lies in the folder of red, and the pull request is by eve"
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--hand-ins", "x/{file}"], "Whose pull request is it?"),
        (["--hand-ins", "{team}/x.py"], "--hand-ins takes a pattern"),
        (["--hand-ins", "../{team}/{file}"], "--hand-ins takes a pattern"),
        (["--hand-ins", "{team}/{team}/{file}"], "--hand-ins takes a pattern"),
        (["--team", "..", "--hand-ins", "{file}"], "--team is no name of a team"),
        (["--require", "score>=101"], "--require takes"),
        (["--require", "best"], "--require takes"),
        (["--seed", "xyz"], "--seed takes"),
    ],
)
def test_wrong_usage(place: Place, options: list[str], words: str) -> None:
    """What is asked for wrongly is said, with exit code 2."""
    done = place.run(place.base, *options)

    assert done.code == 2
    assert words in done.err


def test_a_wall_is_required(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a strong or medium wall nothing of a pull request is graded, unless it is allowed by name."""
    from grader import walls

    monkeypatch.setattr(walls, "WALLS", (walls.PlainProcess(),))
    head = place.commit({"hand-ins/red/90_mini.py": place.right})
    done = place.run(head)

    assert done.code == 2
    assert "No wall of level medium stands on this machine" in done.err


@pytest.mark.walls
def test_a_store_that_takes_nothing_costs_no_report(place: Place, tmp_path: Path) -> None:
    """Where a score cannot be added to the store, the report is there all the same, and it is our fault."""
    (tmp_path / "file").write_text("")
    head = place.commit({"hand-ins/red/90_mini.py": place.right})
    done = place.run(head, "--store", str(tmp_path / "file" / "store"), "--out", str(place.out))

    assert done.code == 4
    assert "Cannot write a score" in done.err
    assert "100/100" in done.out
    assert len(Store(place.out / "scores").read()[0]) == 1


def test_annotations_are_for_github_only(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Annotations are printed where GitHub reads them, or where they are asked for."""
    head = place.commit({"challenges/x": "y"})

    assert "::error" not in place.run(head).err
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert "::error title=grader ci::It changes the challenges" in place.run(head).err
    assert "::error" not in place.run(head, "--annotations", "none").err


def test_the_short_form(place: Place) -> None:
    """`grader ci` with options alone is `grader ci grade`."""
    from click.testing import CliRunner

    from grader.cli import main

    where = ["--repo", str(place.git.path), "--base", place.base, "--head", place.base]
    result = CliRunner().invoke(main, ["ci", *where, "--team", "ada"])

    assert (result.exit_code, result.stdout) == (0, "No hand-in was changed.\n")
