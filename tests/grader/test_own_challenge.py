"""A challenge that the kit does not hold: where its stub lies, and what is said where there is none."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from sealing_kit import Key

from grader import challenge as challenges
from grader.challenge import Challenge, load
from grader.cli import main

STUB = b'"""Yours to write."""\n'


def run(*arguments: object) -> tuple[int, str, str]:
    """Run a command in this process; returns exit code, standard output, standard error."""
    result = CliRunner().invoke(main, [str(one) for one in arguments], prog_name="grader")
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def own(mini: Challenge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A loose folder of a challenge, without a stub; the current folder is another one."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return Path(shutil.copytree(mini.folder, tmp_path / "mine" / mini.key))


def within(own: Path) -> Path:
    """Where the stub of a loose folder lies."""
    return own / "starter.py"


def beside(own: Path) -> Path:
    """Where it lies in a clone: in `starter/`, beside the folder of the challenges."""
    return own.parents[1] / "starter" / f"{own.name}.py"


def packed(path: Path) -> dict[str, bytes]:
    """What is in the zip of a handout."""
    with zipfile.ZipFile(io.BytesIO(path.read_bytes())) as archive:
        return {name.removeprefix("kit/"): archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("place", [within, beside], ids=["within", "beside"])
def test_the_stub_of_an_own_challenge_is_started_and_handed_out(
    place: Callable[[Path], Path], own: Path, tmp_path: Path
) -> None:
    """Wherever the stub lies, the learner's file is called as the challenge."""
    path = place(own)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(STUB)

    started = run("start", own, "--to", tmp_path / "started")
    handed_out = run("handout", "--challenge", own, "--out", tmp_path / "kit.zip")

    assert (started[0], handed_out[0]) == (0, 0)
    assert (tmp_path / "started" / "90_mini.py").read_bytes() == STUB
    assert packed(tmp_path / "kit.zip")["90_mini.py"] == STUB
    assert f"grader grade {own}" in started[1]
    assert load(own).file_name == "90_mini.py"


def test_a_stub_in_the_folder_is_taken_before_one_beside_it(own: Path) -> None:
    """A folder that brings its stub along does not depend on what lies around it."""
    for path in (within(own), beside(own)):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(STUB)

    assert load(own).starter == within(own)


@pytest.mark.parametrize(
    "words",
    [("start",), ("handout", "--out", "kit.zip", "--challenge"), ("verify",)],
    ids=["start", "handout", "verify"],
)
def test_a_challenge_without_a_stub_says_where_to_write_it(
    words: tuple[str, ...], own: Path
) -> None:
    """A missing stub is one sentence with the path, and exit code 2."""
    code, _, err = run(*words, own)

    assert code == 2
    assert f"90_mini has no stub. Write it: {within(own)}" in err
    assert list(Path.cwd().iterdir()) == []


@pytest.mark.parametrize("words", [("start",), ("handout", "--out", "kit.zip", "--challenge")])
def test_a_challenge_without_a_brief_says_where_to_write_it(
    words: tuple[str, ...], own: Path
) -> None:
    """A missing brief is one sentence with the path, and exit code 2."""
    within(own).write_bytes(STUB)
    (own / "brief.md").unlink()
    code, _, err = run(*words, own)

    assert (code, f"Write it: {own / 'brief.md'}" in err) == (2, True)


@pytest.mark.parametrize("command", ["grade", "watch"])
def test_the_way_to_start_an_own_challenge_is_by_its_folder(command: str, own: Path) -> None:
    """The kit knows no number of a challenge that it does not hold, so none is advised."""
    code, _, err = run(command, own)

    assert code == 2
    assert f"`grader start {own}` makes it" in err


def test_a_folder_below_the_current_one_is_called_in_short(
    own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path is no longer than it must be, and one of the kit's own is called by its number."""
    monkeypatch.chdir(own.parent)

    assert load(own).called == "90_mini"
    assert challenges.find("04").called == "04"


@pytest.mark.parametrize("place", [within, beside], ids=["within", "beside"])
def test_sealing_keeps_the_stub_public(
    place: Callable[[Path], Path], own: Path, tmp_path: Path
) -> None:
    """Who has no key starts a sealed challenge and hands it out."""
    path = place(own)
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(STUB)
    public = tmp_path / "public" / own.name
    key = tmp_path / "seal.key"
    made = Key.new()
    key.write_text(made.text)

    assert run("seal", own, "--to", made.recipient, "--out", public.parent)[0] == 0
    assert run("start", public)[0] == 0
    assert run("handout", "--challenge", public, "--out", "kit.zip")[0] == 0
    assert (Path("90_mini.py").read_bytes(), packed(Path("kit.zip"))["90_mini.py"]) == (STUB, STUB)
    checked = ("seal", "check", own, "--out", public.parent, "--key-file", key)
    assert run(*checked)[0] == 0
    (public / "starter.py").write_text("changed\n")
    assert run(*checked)[0] == 1
