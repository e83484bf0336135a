"""Makes docs/terminal.svg from a real grading: python docs/make_terminal.py.

The hand-in is one of the wrong solutions of challenge 04: a learner with that mistake sees this.
"""

from __future__ import annotations

import io
import re
from pathlib import Path

import msgspec
from rich.console import Console

from grader import challenge as challenges
from grader.grading import Attempt, grade_submission
from grader.render import score_table
from grader.submission import with_helper
from grader.walls import choose

MISTAKE = "scale_by_embed_dim"
WIDTH = 108


def main() -> None:
    """Grade, render, write."""
    challenge = challenges.find("04")
    submission = with_helper(challenge.folder / "wrong" / f"{MISTAKE}.py", challenge.solution)
    submission = msgspec.structs.replace(submission, name="attention.py")
    score = grade_submission(submission, Attempt(challenge, "ada", seed="1"), choose())
    out = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    score_table(score, out)
    svg = out.export_svg(title="grader grade 04 attention.py")
    # The reader's own monospace font will do: a picture asks nobody on the network for anything.
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    Path(__file__).with_name("terminal.svg").write_text(svg, "utf-8")


if __name__ == "__main__":
    main()
