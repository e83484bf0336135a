"""What participants get: the same bytes each time, examples that hold, and nothing that is hidden."""

from __future__ import annotations

import ast
import io
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from grader import handout
from grader.challenge import Challenge, all_challenges, find
from grader.cli import main

CHALLENGES = all_challenges()
# A repaired module has most of its lines in common with the broken one that is handed out.
REPAIRS = {"02"}
# Lines that any two Python files may share, and the lines of a signature, which stub and solution do share.
TRIVIAL = re.compile(
    r"(import|from|def|class|return|raise|try|else|finally|pass|break|continue|super\(\)|@)\b.*"
    r"|\w+: [\w.\[\], ]+,|\W*"
)
LINES = 3


def contents() -> dict[str, bytes]:
    """The files of the handout of all challenges."""
    return handout.files(CHALLENGES, {})


def code_lines(source: str) -> list[str]:
    """The lines of a Python file that say something: no docstring, no comment, one way to write."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
            value = body[0].value
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                body[0] = ast.Pass()
    return said(ast.unparse(tree))


def said(text: str) -> list[str]:
    """The lines of any text, without what is trivial, and each without its spaces."""
    lines = (line.strip() for line in text.splitlines())
    return ["".join(line.split()) for line in lines if not TRIVIAL.fullmatch(line)]


def shingles(lines: list[str]) -> Iterator[tuple[str, ...]]:
    """Every three lines in a row."""
    return zip(*(lines[i:] for i in range(LINES)), strict=False)


def hidden_files(challenge: Challenge) -> Iterator[Path]:
    """All of a challenge that nobody may see before the end."""
    yield challenge.solution
    yield from challenge.wrong
    yield from challenge.folder.glob("specs/*.py")
    yield from filter(None, [challenge.rig])


def leaks(files: dict[str, bytes], challenges: Iterable[Challenge]) -> set[tuple[str, str]]:
    """Which file of a handout has three lines in a row of which hidden file."""
    public: dict[tuple[str, ...], set[str]] = {}
    for name, data in files.items():
        text = data.decode("utf-8")
        # As it stands, and as Python reads it, so that no way to break lines hides anything.
        variants = [said(text), *([code_lines(text)] if name.endswith(".py") else [])]
        for lines in variants:
            for shingle in shingles(lines):
                public.setdefault(shingle, set()).add(name)
    found = set()
    for one in challenges:
        for path in hidden_files(one):
            text = path.read_text("utf-8")
            for lines in (said(text), code_lines(text)):
                for shingle in shingles(lines):
                    found |= {(name, path.name) for name in public.get(shingle, ())}
    return found


def given_away(challenge: Challenge) -> set[str]:
    """The stub whose own lines a repaired module keeps."""
    return {challenge.starter.name} if challenge.id in REPAIRS else set()


@pytest.mark.parametrize("challenge", CHALLENGES, ids=lambda one: one.id)
def test_no_line_of_specs_or_solutions_is_in_it(challenge: Challenge) -> None:
    """No three lines of a spec, a solution, a wrong solution or a rig stand in any file of the handout."""
    found = leaks(contents(), [challenge])

    assert {(name, path) for name, path in found if name not in given_away(challenge)} == set()


@pytest.mark.parametrize("challenge", CHALLENGES, ids=lambda one: one.id)
def test_a_leak_would_be_found(challenge: Challenge) -> None:
    """Three lines from the middle of any hidden file, planted anywhere, are noticed."""
    for path in hidden_files(challenge):
        lines = code_lines(path.read_text("utf-8"))
        if len(lines) < LINES:
            continue
        middle = len(lines) // 2 - 1
        planted = "\n".join(lines[middle : middle + LINES]).encode()
        files = {"README.md": contents()["README.md"] + b"\n" + planted}
        assert leaks(files, [challenge]) & {("README.md", path.name)}, path


def test_only_what_is_meant_is_in_it() -> None:
    """Briefs, stubs, examples, the check and a README; no other name."""
    expected = {"README.md", "check.py"}
    for one in CHALLENGES:
        expected |= {one.starter.name, f"{one.key}.md", f"examples/{one.starter.name}"}

    assert set(contents()) == expected


def test_the_same_kit_gives_the_same_bytes(tmp_path: Path) -> None:
    """Packed twice, in whatever order the challenges come, nothing differs, and no date tells when."""
    one, other = tmp_path / "one.zip", tmp_path / "other.zip"
    for path, ids in ((one, "01,04"), (other, "4, view_gather")):
        result = CliRunner().invoke(main, ["handout", "--challenges", ids, "--out", str(path)])
        assert result.exit_code == 0, result.output
    with zipfile.ZipFile(one) as archive:
        infos = archive.infolist()

    assert one.read_bytes() == other.read_bytes()
    assert {info.date_time for info in infos} == {handout.EARLIEST}
    assert all(info.filename.startswith("kit/") for info in infos)
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_an_unknown_challenge_is_named(tmp_path: Path) -> None:
    """Wrong usage writes nothing."""
    out = tmp_path / "kit.zip"
    result = CliRunner().invoke(main, ["handout", "--challenges", "01,77", "--out", str(out)])

    assert result.exit_code == 2
    assert "'77'" in result.stderr
    assert not out.exists()


# The check.


@pytest.fixture
def kit(tmp_path: Path) -> Path:
    """The handout, unpacked where nothing of ours is."""
    with zipfile.ZipFile(io.BytesIO(handout.archive(contents()))) as archive:
        archive.extractall(tmp_path)
    return tmp_path / "kit"


def checked(kit: Path, *words: str) -> tuple[int, str]:
    """What check.py says, without the kit in its path."""
    command = [sys.executable, "-B", "check.py", *words]
    done = subprocess.run(command, cwd=kit, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.mark.slow
def test_the_examples_hold_for_the_solutions(kit: Path) -> None:
    """With the worked solutions every example of every brief holds, and it says that this is no grade."""
    for one in CHALLENGES:
        shutil.copyfile(one.solution, kit / one.starter.name)
    code, out = checked(kit)

    assert code == 0, out
    assert "NO" not in out
    assert out.count("examples hold") == len(CHALLENGES)
    assert "not the grade" in out


@pytest.mark.slow
def test_no_example_holds_for_a_stub(kit: Path) -> None:
    """Of a stub as it is handed out nothing holds."""
    code, out = checked(kit)

    assert code == 1
    assert "  ok " not in out
    assert "Traceback" not in out


@pytest.mark.slow
def test_a_file_that_cannot_be_imported_is_told(kit: Path) -> None:
    """A mistake in one file is told with its line and does not hide the others; a number chooses."""
    (kit / "04_causal_attention.py").write_text("import torch\nnope\n")
    shutil.copyfile(find("01").solution, kit / "01_view_gather.py")
    code, out = checked(kit, "01", "04")

    assert code == 1
    assert "NameError: name 'nope' is not defined (line 2)" in out
    assert "8 of 8 examples hold" in out
    assert "05_tiny_gpt" not in out
    assert checked(kit, "77")[0] == 2
