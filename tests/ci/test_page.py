"""docs/ci.md, as written."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import grader
from grader.ci.guarding import GUARDS

ROOT = Path(grader.__file__).parent.parent
PAGE = (ROOT / "docs" / "ci.md").read_text("utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.walls
def test_the_commands_of_the_page(tmp_path: Path) -> None:
    """What the page says to type works as typed, and ends as it says."""
    program = f"set -e\nexport PATH='{Path(sys.executable).parent}':\"$PATH\"\n"
    first, last = BLOCKS[0].rstrip().splitlines(), BLOCKS[2].rstrip().splitlines()
    # The stub is graded twice against a bar that it does not reach.
    first[-2] += " || test $? = 1"
    last[-1] += " || test $? = 1"
    done = subprocess.run(
        ["bash", "-c", program + "\n".join([*first, *last])],
        cwd=tmp_path,
        env={
            **os.environ,
            "HOME": str(tmp_path),
            "GIT_AUTHOR_NAME": "Ada",
            "GIT_AUTHOR_EMAIL": "a@b",
        }
        | {"GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "a@b", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("required (passed)", "required (no-worse)", "1 hand-ins of"):
        assert words in done.stdout + done.stderr
    for name in ("summary.md", "report.json", "junit.xml", "ctrf.json", "scores"):
        assert (tmp_path / "course" / "report" / name).exists()


def test_the_table_of_refusals_is_complete() -> None:
    """Whatever refuses a pull request is on the page."""
    text = PAGE.lower()

    assert [one.pattern for one in GUARDS if f"`{one.pattern}`" not in text] == []
