"""docs/sealing.md and docs/exports.md: every command works as written, one after the other."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from grader import keyring, opening
from grader.challenge import Challenge
from grader.cli import main
from leaderboard.store import Store

pytestmark = [pytest.mark.walls]
DOCS = Path(__file__).parents[2] / "docs"


def commands(page: str) -> list[str]:
    """The lines of the page's shell blocks that begin with grader."""
    blocks = re.findall(r"```sh\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.startswith("grader ")]


def run(line: str, **replaced: str) -> str:
    """Run a command of the docs with something in the place of what stands for it."""
    for words, by in replaced.items():
        line = line.replace(words, by)
    result = CliRunner().invoke(main, shlex.split(line)[1:], prog_name="grader")
    keyring.forget()
    opening.close()
    assert result.exit_code == 0, (line, result.output)
    return result.stdout


def test_sealing_works_as_written(
    mini: Challenge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the key to the graded hand-in and back; then a signed score, which the check finds in order."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRADER_STORE", str(tmp_path / "scores"))
    toml = (mini.folder / "challenge.toml").read_text().replace('"mini"', '"mine"')
    shutil.copytree(mini.folder, "90_mine")
    (tmp_path / "90_mine" / "challenge.toml").write_text(toml)
    shutil.copyfile(mini.solution, "my.py")
    told = {"age1…": "", "ed25519-public:…": "", "grade 04": "grade 90_mine"}
    lines = commands("sealing.md")
    for line in lines:
        said = run(line, **told)
        if "keygen" in line:
            told["age1…" if "seal keygen" in line else "ed25519-public:…"] = said.strip()
            # What was graded without a key would not be signed.
            shutil.rmtree("scores", ignore_errors=True)

    assert len(lines) == 8
    assert (tmp_path / "again" / "90_mine" / "specs" / "test_mini.py").is_file()


def test_exports_work_as_written(
    mini: Challenge, submissions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command of the page, on a store with one score; Gradescope's two as its script has them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GRADER_STORE", str(tmp_path / "scores"))
    wrong = next((submissions / "returns_nan").glob("*.py"))
    result = CliRunner().invoke(
        main, ["grade", str(mini.folder), str(wrong), "--json", "--team", "red"]
    )
    (tmp_path / "score.json").write_text(result.stdout)
    (score,) = Store(tmp_path / "scores").read()[0]
    told = {
        "04-20261123": score.id[:11],
        "--challenge 04": f"--challenge {mini.folder}",
        "/autograder": str(tmp_path / "autograder"),
    }
    lines = [line for line in commands("exports.md") if line.startswith("grader export")]

    said = [run(line, **told) for line in lines]

    assert len(lines) == 5
    assert all(said[n] for n in (2, 3))
    for name in ("results.json", "junit.xml", "autograder/results/results.json"):
        assert (tmp_path / name).stat().st_size > 500, name
