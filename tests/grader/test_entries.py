"""Folders, archives and manifests become one list of hand-ins; what is none is named with the reason."""

from __future__ import annotations

import csv
import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from grader.challenge import Challenge, find
from grader.entries import Entry, Names, Skipped, collect, team_cell, team_name
from grader.errors import UsageError
from leaderboard.formats import is_formula

HEADER = "team,challenge,path,submitted_at\n"


def collected(*sources: Path, wanted: Challenge | None = None) -> tuple[list[Entry], list[Skipped]]:
    """What is in the sources: hand-ins, and what is skipped."""
    workspace = sources[0].parent / "workspace"
    workspace.mkdir()
    found = list(collect(sources, Names(wanted), workspace))
    return (
        [one for one in found if isinstance(one, Entry)],
        [one for one in found if isinstance(one, Skipped)],
    )


def written(folder: Path, *names: str) -> Path:
    """A folder with these files in it; a name that ends in / is a folder."""
    for name in names:
        path = folder / name
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
        if not name.endswith("/"):
            path.write_text("x = 1\n")
    return folder


@pytest.mark.parametrize(
    ("name", "key"),
    [
        *dict.fromkeys(["04", "4", "04_causal_attention", "causal_attention"], "04").items(),
        *dict.fromkeys(["04_mine", "4-v2", "04 (1)", "04.final", "Causal_Attention"], "04").items(),
        *dict.fromkeys(["05_tiny_gpt", "tiny_gpt", "5"], "05").items(),
        *dict.fromkeys(["04b", "attention", "mine", "2026_04", "404", "_04", "٤", ""]).items(),
    ],
)
def test_a_name_tells_its_challenge(name: str, key: str | None) -> None:
    """A number, a slug or the stub's name, with anything behind a number that is no letter or digit."""
    challenge = Names().find(name)

    assert (challenge.id if challenge else None) == key


def test_folders_of_teams(tmp_path: Path) -> None:
    """Files and folders of a team are hand-ins by their names; the others are skipped, each once."""
    folder = written(
        tmp_path / "hand-ins",
        "ada/04_causal_attention.py",
        "ada/05/submission.py",
        "ada/mine.py",
        "ada/notes/readme.py",
        "ada/04.ipynb",
        "ada/.git/x.py",
        "ada/__pycache__/04.py",
        "東京/1.py",
        "nobody/",
        "04.py",
        "readme.md",
    )
    entries, skipped = collected(folder)

    assert [(one.team, one.challenge.id, Path(one.path).name) for one in entries] == [
        ("ada", "04", "04_causal_attention.py"),
        ("ada", "05", "05"),
        ("東京", "01", "1.py"),
    ]
    assert [one.shown for one in entries] == [one.path for one in entries]
    assert sorted(Path(one.shown).relative_to(folder).as_posix() for one in skipped) == [
        "04.py",
        "ada/04.ipynb",
        "ada/mine.py",
        "ada/notes",
        "nobody",
    ]
    assert all(one.reason for one in skipped)


def test_a_challenge_for_all(tmp_path: Path) -> None:
    """--challenge is for names that do not tell; what tells another challenge is left out, and so is a
    folder without a main file."""
    names = ["mine.py", "04.py", "05.py", "v2/submission.py", "tests/test_it.py"]
    entries, skipped = collected(
        written(tmp_path / "h", *[f"ada/{name}" for name in names]), wanted=find("04")
    )

    assert [Path(one.path).name for one in entries] == ["04.py", "mine.py", "v2"]
    assert {one.challenge.id for one in entries} == {"04"}
    assert [Path(one.shown).name for one in skipped] == ["05.py", "tests"]


def test_a_challenge_of_ones_own(mini: Challenge, tmp_path: Path) -> None:
    """A challenge outside the kit is known by its names once it is asked for, and only then."""
    folder = written(tmp_path / "h", "ada/90_mini.py", "ada/04.py")

    assert [one.challenge.id for one in collected(folder, wanted=mini)[0]] == ["90"]
    assert Names().find("90") is None


def test_a_path_is_no_challenge(
    mini: Challenge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The specs of a challenge run unwalled: no file of strangers can name a folder of specs."""
    shutil.copytree(mini.folder, tmp_path / "90_mini")
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "m.csv"
    path.write_text("team,challenge,path\nada,90_mini,90_mini/solution.py\n")

    with pytest.raises(UsageError, match="line 2: there is no challenge '90_mini'"):
        collected(path)


@pytest.mark.parametrize("kind", ["zip", "tar", "gztar", "bztar", "xztar"])
@pytest.mark.parametrize("top", [".", "hand-ins"])
def test_archives_have_the_layout_of_folders(kind: str, top: str, tmp_path: Path) -> None:
    """An archive of the folder, or with the folder in it, gives the same; it is shown by its own name."""
    written(tmp_path / "hand-ins", "ada/04.py", "bob/05/submission.py", "bob/x.txt", "eve/mine.py")
    base = tmp_path if top == "hand-ins" else tmp_path / "hand-ins"
    archive = Path(shutil.make_archive(str(tmp_path / "packed"), kind, base, top))
    entries, skipped = collected(archive)
    shown = str(archive) if top == "." else f"{archive}/hand-ins"

    assert [(one.team, one.challenge.id, one.shown) for one in entries] == [
        ("ada", "04", f"{shown}/ada/04.py"),
        ("bob", "05", f"{shown}/bob/05"),
    ]
    assert Path(entries[0].path).read_text() == "x = 1\n"
    assert sorted(one.shown.removeprefix(shown) for one in skipped) == [
        "/bob/x.txt",
        "/eve/mine.py",
    ]


def test_a_single_team_with_a_folder_is_no_folder_around_teams(tmp_path: Path) -> None:
    """In an archive of one team, the folder that is called after a challenge is a hand-in."""
    written(tmp_path / "h", "ada/04/submission.py")
    entries, _ = collected(Path(shutil.make_archive(str(tmp_path / "p"), "zip", tmp_path / "h")))

    assert [(one.team, one.challenge.id) for one in entries] == [("ada", "04")]


@pytest.mark.parametrize("name", ["absent", "absent.zip", "file.txt"])
def test_what_is_no_source_is_named(name: str, tmp_path: Path) -> None:
    """A source that is not there, or of no known kind, is wrong usage."""
    (tmp_path / "file.txt").write_text("")

    with pytest.raises(UsageError, match=name):
        collected(tmp_path / name)


@pytest.mark.skipif(os.name != "posix", reason="needs links")
def test_links_are_not_followed_to_teams(tmp_path: Path) -> None:
    """A team's folder is a folder; a hand-in that is a link is refused where it is read."""
    folder = written(tmp_path / "h", "ada/04.py")
    (folder / "bob").symlink_to(folder / "ada")
    (folder / "ada" / "05.py").symlink_to("/etc/passwd")
    entries, skipped = collected(folder)

    assert [Path(one.path).name for one in entries] == ["04.py", "05.py"]
    assert [one.reason for one in skipped] == ["it is a symbolic link"]


@pytest.mark.parametrize(
    ("name", "team"),
    [
        ("ada", "ada"),
        (" ada ", "ada"),
        ("Zoe\u0308", "Zo\u00eb"),
        ("a\udcffb", "a\\udcffb"),
        ("[red]\x1b[2J", "[red]\x1b[2J"),
    ],
)
def test_names_of_teams(name: str, team: str) -> None:
    """A team has one name, however a file system spells it, and one that a score gives back."""
    assert team_name(name) == team


# Manifests.


def test_a_manifest_says_who_what_and_when(tmp_path: Path) -> None:
    """Columns in any order, times in any zone, fields in quotes, empty lines, a mark before the header."""
    written(tmp_path, "in/a.py", "in/b, c.py", "in/d/submission.py")
    path = tmp_path / "m.csv"
    path.write_text(
        "\ufeffpath, challenge,team,submitted_at\n"
        "in/a.py,04,ada,2026-11-23T22:22:00+01:00\n\n"
        '"in/b, c.py",tiny_gpt,"O\'Hara, Zo\u00eb",\n'
        "in/d,5,東京,2026-11-23T21:22:00.5Z\n",
        "utf-8",
    )
    entries, skipped = collected(path)
    moment = datetime(2026, 11, 23, 21, 22, tzinfo=UTC)

    assert [(one.team, one.challenge.id, one.submitted_at) for one in entries] == [
        ("ada", "04", moment),
        ("O'Hara, Zo\u00eb", "05", None),
        ("東京", "05", moment.replace(microsecond=500_000)),
    ]
    assert entries[0].path == str(tmp_path.resolve() / "in" / "a.py")
    assert skipped == []


def test_a_manifest_without_times(tmp_path: Path) -> None:
    """The last column may be left out."""
    (written(tmp_path, "a.py") / "m.csv").write_text("team,challenge,path\nada,04,a.py\n")

    assert collected(tmp_path / "m.csv")[0][0].submitted_at is None


WRONG = {
    "no_team": (" ,04,a.py,", "the team is missing"),
    "no_challenge": ("ada,44,a.py,", "there is no challenge '44'"),
    "empty_challenge": ("ada,,a.py,", "there is no challenge ''"),
    "no_path": ("ada,04,,", "the path is missing"),
    "too_few": ("ada,04", "the path is missing"),
    "too_many": ("ada,04,a.py,,x", "more fields"),
    "absent": ("ada,04,b.py,", "'b.py' is not there"),
    "nul": ("ada,04,a\0.py,", "the path is missing"),
    "long": (f"ada,04,{'x' * 5000},", "is not there"),
    "absolute": ("ada,04,/etc/passwd,", "does not lie below"),
    "parent": ("ada,04,../outside.py,", "does not lie below"),
    "parent_inside": ("ada,04,in/../../outside.py,", "does not lie below"),
    "through_a_link": ("ada,04,out/outside.py,", "does not lie below"),
    "itself": ("ada,04,.,", "does not lie below"),
    "dots": ("ada,04,in/..,", "does not lie below"),
    "loop": ("ada,04,loop/x/a.py,", "is not there|does not lie"),
    "no_zone": ("ada,04,a.py,2026-11-23T21:22:00", "no time with a zone"),
    "no_time": ("ada,04,a.py,yesterday", "no time with a zone"),
    "edge": ("ada,04,a.py,0001-01-01T00:00:00+23:00", "no time with a zone"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_line_is_told_by_its_number(name: str, tmp_path: Path) -> None:
    """Each wrong line is named with its number and what is wrong with it."""
    folder = written(tmp_path / "folder", "a.py", "in/a.py")
    written(tmp_path, "outside.py")
    (folder / "out").symlink_to(tmp_path)
    (folder / "loop").symlink_to("loop")
    line, said = WRONG[name]
    (folder / "m.csv").write_text(f"{HEADER}ada,04,a.py,\n{line}\nbob,04,in/a.py,\n")

    with pytest.raises(UsageError, match=rf"m\.csv is wrong:\nline 3: .*({said})"):
        collected(folder / "m.csv")


def test_all_wrong_lines_are_told_at_once(tmp_path: Path) -> None:
    """Nobody mends a manifest one line at a time; of very many, the first ten stand for all."""
    (tmp_path / "m.csv").write_text(HEADER + "ada,04,absent.py,\n" * 30)

    with pytest.raises(UsageError, match=r"(?s)line 2:.*line 11:.*… and 20 more") as raised:
        collected(tmp_path / "m.csv")
    assert "line 12" not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "ada,04,a.py\n",
        "team,path\n",
        "team,team,challenge,path\n",
        "team,challenge,path,when\n",
        "team;challenge;path\n",
    ],
)
def test_a_wrong_header_is_told(text: str, tmp_path: Path) -> None:
    """The first line names the columns, no more and no fewer."""
    (tmp_path / "m.csv").write_text(text)

    with pytest.raises(
        UsageError, match="line 1: the columns are team,challenge,path,submitted_at"
    ):
        collected(tmp_path / "m.csv")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"team,challenge,path\n\xff,04,a.py\n", "UTF-8"),
        (b'team,challenge,path\n"a"b,04,x\n', "line 2"),
    ],
)
def test_a_damaged_manifest_is_told(data: bytes, said: str, tmp_path: Path) -> None:
    """Another encoding and unbalanced quotes are told in words."""
    (tmp_path / "m.csv").write_bytes(data)

    with pytest.raises(UsageError, match=said):
        collected(tmp_path / "m.csv")


@settings(max_examples=100, deadline=None)
@given(name=st.lists(st.sampled_from("'=+-@＝ ax"), min_size=1, max_size=8).map("".join))
def test_any_team_survives_a_manifest(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A spreadsheet runs no name, and a batch reads each as it was."""
    team = team_name(name)
    assume(team)
    folder = written(tmp_path_factory.mktemp("manifest"), "mine.py")
    with (folder / "list.csv").open("w", encoding="utf-8", newline="") as file:
        rows = [["team", "challenge", "path"], [team_cell(team), "04", "mine.py"]]
        csv.writer(file).writerows(rows)
    ((found,), _) = collected(folder / "list.csv")

    assert not is_formula(team_cell(team))
    assert found.team == team


def test_a_manifest_and_a_challenge(tmp_path: Path) -> None:
    """--challenge leaves the other lines of a manifest out."""
    written(tmp_path, "a.py")
    (tmp_path / "m.csv").write_text(f"{HEADER}ada,04,a.py,\nada,05,a.py,\n")
    entries, skipped = collected(tmp_path / "m.csv", wanted=find("05"))

    assert [one.challenge.id for one in entries] == ["05"]
    assert [one.reason for one in skipped] == ["its challenge is 04"]
