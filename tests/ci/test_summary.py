"""The summary and the annotations: whatever strangers write in them stays text."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from grader.ci import annotations, markdown
from grader.ci.layout import muted
from leaderboard.text import clip, printable

RENDER = MarkdownIt("commonmark").enable("table")
MARKUP = st.text(alphabet="`~|<>&*_[]()!#@:-=+\\\n\r\t ab1/.é\"'{}", max_size=60)
TEXT = st.text(max_size=60) | MARKUP
Place = Any


@given(TEXT)
def test_code_in_a_table_is_one_cell_of_exactly_this_text(text: str) -> None:
    """Text in a line comes out as it went in, in one cell, in one piece of code."""
    table = f"| a | b |\n|---|---|\n| {markdown.code(text)} | end |"
    page = RENDER.render(table)
    found = re.findall(r"<td>(.*?)</td>", page, re.DOTALL)

    assert len(found) == 2
    assert found[1] == "end"
    assert re.fullmatch(r"<code>[^<]*</code>", found[0])
    shown = clip(printable(text), 120)
    assert html.unescape(found[0])[6:-7].strip() == shown.strip()


@given(TEXT, TEXT)
def test_a_block_holds_exactly_its_lines(text: str, after: str) -> None:
    """Several lines come out as they went in, as one block of code that ends where it should."""
    page = RENDER.render(f"{markdown.block(text)}\n\n{markdown.block(after)}\n\nend\n")
    blocks = re.findall(r'<pre><code class="language-text">(.*?)</code></pre>', page, re.DOTALL)

    assert len(blocks) == 2
    assert page.endswith("<p>end</p>\n")
    kept = muted(printable(text, multiline=True)).split("\n")[
        : markdown.MAX_LINES - markdown.LAST_LINES
    ]
    assert html.unescape(blocks[0]).split("\n")[: len(kept)] == kept


@given(TEXT, TEXT, TEXT)
def test_an_annotation_is_one_command(path: str, title: str, text: str) -> None:
    """An annotation is one line with the properties that it was given, and no second command is in it."""
    line = annotations.error({"file": path, "title": title}, text)
    head, _, told = line.removeprefix("::error ").partition("::")

    assert not {"\n", "\r"} & set(line)
    assert [one.partition("=")[0] for one in head.split(",")] == ["file", "title"]
    assert "##[" not in line
    safe = muted(clip(printable(text, multiline=True), annotations.MAX_TEXT))
    assert told.replace("%0A", "\n").replace("%25", "%") == safe


def test_a_summary_has_an_end(place: Place) -> None:
    """A summary is no longer than a comment may be, however many refusals it lists."""
    files = {f"challenges/{n:04}{'é' * 100}": "x" for n in range(2000)}
    head = place.commit({**files, "action.yml": "x"})
    done = place.run(head, "--format", "markdown")

    assert len(done.out) < 65_536
    assert "and 1995 more" in html.unescape(done.out)


@pytest.mark.walls
def test_twenty_bad_hand_ins_fit_into_a_comment(place: Place) -> None:
    """Twenty hand-ins with endless messages are cut between hand-ins, and the end is still there."""
    long = "def double(x):\n    raise ValueError('x' * 100_000)\n\n\nrow_means = Affine = double\n"
    files = {f"hand-ins/team{n}/90_mini.py": f"# {n}\n{long}" for n in range(20)}
    done = place.run(place.commit(files), "--format", "markdown")

    assert done.code == 1
    assert len(done.out) < 65_536
    assert "was graded against" in done.out
