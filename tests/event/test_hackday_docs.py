"""docs/hackday.md is done as written, from an empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from needs import absent

import grader
from grader.walls import choose
from leaderboard.store import Store

ROLES = ("AUTHOR", "COMMITTER")
PAGE = Path(grader.__file__).parent.parent / "docs" / "hackday.md"


@pytest.mark.walls
@pytest.mark.slow
@pytest.mark.skipif(absent("bash"), reason="the commands are for a shell")
@pytest.mark.skipif(absent("git"), reason="pushes with git")
def test_a_hack_day_as_the_page_tells_it(tmp_path: Path) -> None:
    """Each command of the tutorial works in its turn, and the rehearsal comes to what the page says."""
    if choose().level == "weak":
        pytest.skip("the page asks for walls")
    blocks = re.findall(r"```sh\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    (clearing,) = [block for block in blocks if block.startswith("rm -rf")]
    rehearsal = blocks[: blocks.index(clearing)]
    again = blocks[len(rehearsal) + 1 :]
    out = run(tmp_path, *rehearsal)
    scores, problems = Store(tmp_path / "day" / "scores").read()

    assert problems == []
    assert sorted((one.team, one.challenge.id, one.score) for one in scores) == [
        ("Blue Whales", "01", 0),
        ("Blue Whales", "04", 0),
        ("red", "04", 0),
    ]
    assert "as expected" in out
    assert out.count("0/100") == 3
    told = run(tmp_path, *again, codes=(1,))
    assert "versions holds 3 hand-ins." in told
    assert Store(tmp_path / "day" / "scores").read()[0] == scores
    run(tmp_path, clearing)
    assert "/100" not in run(tmp_path, "grader event run day --once")
    assert Store(tmp_path / "day" / "scores").read() == ([], [])


def run(folder: Path, *blocks: str, codes: tuple[int, ...] = (0,)) -> str:
    """Run blocks of commands in one shell, as somebody who pastes them; returns standard output.

    `codes`: how the last command ends.
    """
    people = {f"GIT_{who}_{what}": "ada@x.org" for who in ROLES for what in ("NAME", "EMAIL")}
    env = {
        **os.environ,
        **people,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
    }
    script = "set -euo pipefail\n" + "\n".join(blocks)
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode in codes, done.stdout + done.stderr
    return done.stdout
