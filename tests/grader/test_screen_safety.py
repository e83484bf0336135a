"""What a stranger wrote is shown, never obeyed: on a terminal, in a table, in a file of a page."""

from __future__ import annotations

import csv
import io
import json
import os
import pty
import re
import subprocess
import sys
import unicodedata
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from rich.console import Console

import grader
from grader import render, words
from grader.challenge import Challenge
from grader.cli import main
from grader.grading import Attempt, build_score, grade
from grader.session import SubmissionError
from grader.submission import Submission
from grader.supervising import Outcome
from grader.verdict import SpecVerdict, Verdict
from grader.worker import wire
from leaderboard.formats import FORMATS
from leaderboard.ranking import standings
from leaderboard.score import CurvePoint, Metric, Score
from leaderboard.store import Problem, Store
from leaderboard.table import render as table

ROOT = Path(grader.__file__).parent.parent
NAMES = {
    "clear_screen": "\x1b[2J\x1b[H",
    "title": "\x1b]0;pwned\x07",
    "link": "\x1b]8;;http://evil.example\x1b\\here\x1b]8;;\x1b\\",
    "bell_and_backspace": "\x07\x08\x08\x7f",
    "over_the_line": "0/100\r100/100",
    "c1": "\x9b2J\x9d0;x\x9c\x85\x90",
    "right_to_left": "\u202egnp.exe\u202c",
    "isolates": "\u2066a\u2067b\u2068c\u2069",
    "zero_width": "re\u200bd\u200d\u2060\ufeff\u034f",
    "blank_letters": "red\u3164\u115f\u1160\uffa0\u2800",
    "selectors": "red\ufe0f\ufe00\U000e0100",
    "tags": "\U000e0041\U000e007f",
    "lines": "a\nb\r\nc\vd\fe\u2028f\u2029g\x1ch",
    "surrogate": "a\ud800b\udcff",
    "nul_and_tab": "a\0b\tc",
}
HOSTILE = "".join(NAMES.values())
MARKUP = "[red]x[/red] [link=http://evil.example]y[/link] :boom: [bold"
# What may act: controls, formats, surrogates, separators. Blank letters and selectors are `NAMES`' own.
ACTS = {"Cc", "Cf", "Cs", "Zl", "Zp", "Co"}
SILENT = set("\u034f\u3164\u115f\u1160\uffa0\u2800\ufe00\ufe0f\U000e0100")


def acting(text: str) -> set[str]:
    """The characters of a text that do something other than stand there; newlines may."""
    return {c for c in text if c != "\n" and (unicodedata.category(c) in ACTS or c in SILENT)}


def hostile_score(mini: Challenge, text: str) -> Score:
    """A record with this text wherever a hand-in, a team or a foreign file can put one."""
    specs = [SpecVerdict(spec.name, "failed", text, 0.1) for spec in mini.specs]
    verdict = Verdict("graded", text, specs, None, text, text)
    outcome = Outcome([verdict], text, (CurvePoint(step=1, loss=2.5, seconds=0.1),), 1.0, 1.0, 1.0)
    attempt = Attempt(mini, text, seed="1")
    score = build_score(attempt, Submission(text, {}, "0" * 64, 1), outcome, "1", "strong")
    return msgspec.structs.replace(
        score,
        id=text,
        advice=text,
        message=text,
        challenge=msgspec.structs.replace(score.challenge, title=text, id=f"90{text}", slug=text),
        device=msgspec.structs.replace(score.device, type=text, name=text),
        environment=msgspec.structs.replace(score.environment, torch=text, python=text),
        metric=Metric(name=text, value=1.0, stderr=0.1, order="lower", precision=2),
        specs=tuple(msgspec.structs.replace(s, name=text, title=text) for s in score.specs),
    )


def shown(score: Score, verbose: bool, colour: bool = False) -> str:
    """What `render.score_table` prints, as on a terminal."""
    out = io.StringIO()
    console = Console(
        file=out,
        highlight=False,
        width=100,
        force_terminal=colour,
        color_system="truecolor" if colour else None,
    )
    render.score_table(score, console, verbose, "/store/\x1b[2J\u202e.json")
    return out.getvalue()


@pytest.mark.parametrize("verbose", [True, False], ids=["verbose", "short"])
@pytest.mark.parametrize("name", NAMES)
def test_a_score_shows_what_would_act(name: str, verbose: bool, mini: Challenge) -> None:
    """Prints, messages, names, titles, advice, versions and ids of a record act on no terminal."""
    text = shown(hostile_score(mini, NAMES[name]), verbose)

    assert acting(text) == set()
    assert "\\" in text


def test_colours_are_ours_alone(mini: Challenge) -> None:
    """On a terminal with colours the only escapes are the colours that we set."""
    text = shown(hostile_score(mini, HOSTILE + MARKUP), verbose=True, colour=True)
    text = re.sub(r"\x1b\[(0|1|2|31|32|33|1;31|1;32)m", "", text)

    assert acting(text) == set()


def test_markup_in_a_text_is_text(mini: Challenge) -> None:
    """What looks like markup of the terminal library is shown as it was written."""
    text = shown(hostile_score(mini, MARKUP), verbose=True, colour=True)

    assert text.count("[red]x[/red]") >= 5
    assert "]8;" not in text
    assert ":boom:" in text


def test_an_exception_is_words_that_do_nothing(mini: Challenge) -> None:
    """Type, message, file, function and source of an exception are escaped where they are shown."""
    line = wire.Line(HOSTILE, 3, HOSTILE, HOSTILE)
    raised = wire.Raised(1, [HOSTILE], HOSTILE, [line])
    for text in (
        str(SubmissionError(raised)),
        words.does_not_import(raised),
        words.does_not_compile(raised),
        words.names_missing(wire.Loaded(1, [HOSTILE, "doubel"], ["double"], []), ("double",)) or "",
    ):
        assert acting(shown(hostile_score(mini, text), verbose=True)) == set()


@pytest.mark.parametrize("name", NAMES)
def test_what_is_read_back_is_what_was_written(name: str, mini: Challenge, tmp_path: Path) -> None:
    """The store keeps a hostile record whole, in files of harmless names; only the screen is spared."""
    score = hostile_score(mini, NAMES[name])
    path = Store(tmp_path).add(score)
    read, problems = Store(tmp_path).read()

    assert problems == []
    assert acting(path.read_text("utf-8")) == set()
    assert acting(str(path.relative_to(tmp_path))) == set()
    assert "surrogate" in name or read == [score]


# Through the commands.


def say(*arguments: object) -> tuple[int, str]:
    """Exit code and everything that a command says."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout + result.stderr


@pytest.mark.parametrize("options", [[], ["--verbose"], ["--json"]], ids=str)
def test_show_is_safe(options: list[str], mini: Challenge, tmp_path: Path) -> None:
    """`grader show` of a hostile record, by its file."""
    path = Store(tmp_path).add(hostile_score(mini, HOSTILE))
    code, text = say("show", path, "--store", tmp_path, *options)

    assert (code, acting(text)) == (0, set())


def test_list_and_leaderboard_are_safe(mini: Challenge, tmp_path: Path) -> None:
    """Tables of hostile records, and the reports about hostile file names, act on no terminal."""
    store = Store(tmp_path)
    own = store.add(msgspec.structs.replace(hostile_score(mini, HOSTILE), challenge=info(mini)))
    own.with_name("\x1b[2J\u202e.json").touch()
    for arguments in (["list"], ["leaderboard", mini.folder], ["leaderboard"]):
        code, text = say(*arguments, "--store", tmp_path)
        assert (code, acting(text)) == (0, set())
        assert "skipped" in text
    code, text = say("leaderboard", "--store", tmp_path, "--format", HOSTILE)
    assert (code, acting(text)) == (2, set())


def test_a_foreign_challenge_is_safe(mini: Challenge, tmp_path: Path) -> None:
    """The heading of a challenge that only a record knows is escaped as well."""
    Store(tmp_path).add(hostile_score(mini, HOSTILE))
    code, text = say("leaderboard", "--store", tmp_path)

    assert (code, acting(text)) == (0, set())


def info(mini: Challenge) -> object:
    """What a record says of the mini challenge."""
    return grade("/absent.py", Attempt(mini, "x")).challenge


@pytest.mark.parametrize(
    "arguments",
    [
        ["grade", HOSTILE.replace("\0", ""), "x.py"],
        ["show", HOSTILE.replace("\0", "")],
        ["brief", HOSTILE.replace("\0", "")],
        ["grade", "04", "one.py", HOSTILE.replace("\0", "")],
        ["grade", "04", "x.py", "--seed", HOSTILE],
        ["grade", "04", "x.py", "--device", HOSTILE],
        ["grade", "04", "x.py", "--require-walls", HOSTILE],
    ],
    ids=lambda arguments: " ".join(arguments[:-1]),
)
def test_an_argument_is_repeated_safely(arguments: list[str], tmp_path: Path) -> None:
    """A file name that the shell put on the command line comes back escaped in the error."""
    code, text = say(*arguments)

    assert code in (2, 3)
    assert acting(text) == set()


@pytest.mark.parametrize("name", ["clear_screen", "right_to_left", "lines", "surrogate"])
def test_a_file_name_is_safe(name: str, mini: Challenge, tmp_path: Path) -> None:
    """A hand-in that cannot be read is named in its record, escaped, whatever its name."""
    wanted = (
        NAMES[name]
        .replace("\0", "")
        .encode("utf-8", "surrogatepass")
        .decode("utf-8", "surrogateescape")
    )
    code, text = say("grade", mini.folder, tmp_path / wanted, "--store", tmp_path / "store")

    assert code == 3
    assert acting(text) == set()


LOUD = """
import sys
print({text!r})
print({text!r}, file=sys.stderr, flush=True)
class Loud(Exception):
    pass
Loud.__name__ = {text!r}
def double(x): raise Loud({text!r})
def row_means(x): return {text!r}
class Affine:
    def __init__(self, *args): raise Loud("step 1 loss 2.0")
"""


@pytest.mark.walls
@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_loud_hand_in_on_a_real_terminal(mini: Challenge, tmp_path: Path) -> None:
    """Graded at a terminal, prints and exceptions full of escapes change nothing on it."""
    text = (HOSTILE + MARKUP).encode("utf-8", "replace").decode()
    (tmp_path / "loud.py").write_text(LOUD.format(text=text), encoding="utf-8")
    command = [sys.executable, "-m", "grader", "grade", str(mini.folder), str(tmp_path / "loud.py")]
    told = at_a_terminal([*command, "--no-save", "--verbose", "--team", text.replace("\0", "")])
    # Colours, and what the line of progress needs: cursor hidden and shown, up, line cleared.
    ours = r"\x1b\[(\d{1,2}(;\d{1,2})*)?m|\x1b\[\?25[lh]|\x1b\[1A|\x1b\[2K|\r"
    rest = re.sub(ours, "", told)

    assert "0/100" in rest
    assert "[red]x[/red]" in rest
    assert acting(rest) == set()


def at_a_terminal(command: list[str]) -> str:
    """What a command writes to a terminal of its own."""
    master, slave = pty.openpty()
    env = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm-256color", "COLUMNS": "200"}
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=env)
    os.close(slave)
    parts = []
    try:
        while part := os.read(master, 1 << 16):
            parts.append(part)
    except OSError:
        # Linux says so when the last writer has closed its end.
        pass
    os.close(master)
    process.wait(60)
    return b"".join(parts).decode("utf-8")


# Tables in every format.

CELLS = {
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "entity": "&lt;b&gt; &#60; &amp;",
    "pipes": "a|b||c\\|d",
    "markdown": "[x](http://evil.example) ![x](y) `c` **b** # h | --- |",
    "autolink": "http://evil.example www.evil.example <http://evil.example>",
    "rst": ".. include:: /etc/passwd `x <http://evil.example>`_ |sub| :raw:`x`",
    "asciidoc": "+++<script>+++ pass:[<b>] include::/etc/passwd[] link:http://e[x] |cell a|b",
    "org": "@@html:<script>@@ [[http://e][x]] src_sh{ls} {{{macro}}} #+INCLUDE: x |",
    "wiki": "[[File:x]] {{template}} '''b''' <<Include(x)>> {html}<b>{html} !x! h1. ||x",
    "textile": '"x":http://evil.example !http://e/x.png! _. \\2. ==<script>==',
    "latex": "\\input{/etc/passwd} & \\\\ \\hline $x^2$ %",
    "separator": "\x01",
    "rule": "-----",
    "equals": "=====",
    "formula": '=HYPERLINK("http://evil.example")',
    "control": HOSTILE,
}


def rows_of(mini: Challenge, name: str) -> list[object]:
    """Standings in which a team of this name stands between two ordinary ones."""
    score = msgspec.structs.replace(
        grade("/absent.py", Attempt(mini, "x", seed="1")), status="graded", message="", score=50
    )
    metric = Metric(name="loss", value=1.0, stderr=0.1, order="lower", precision=2)
    times = [datetime(2026, 11, 23, 21, minute, tzinfo=UTC) for minute in range(3)]
    return [
        msgspec.structs.replace(
            score, team=team, id=f"90-{number}", submitted_at=time, metric=metric
        )
        for number, (team, time) in enumerate(zip(["ada", name, "zoe"], times, strict=True))
    ]


def tabled(mini: Challenge, name: str, fmt: str) -> str:
    """The table of those standings."""
    return table(standings(rows_of(mini, name), mini.id), fmt)  # type: ignore[arg-type]


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("cell", CELLS)
def test_a_name_is_one_cell_of_text_in_every_format(cell: str, fmt: str, mini: Challenge) -> None:
    """No name acts on a terminal, adds a line, or brings active HTML or a command of the format."""
    text, plain = (tabled(mini, name, fmt) for name in (CELLS[cell], "bob"))
    ruled = {"grid", "pretty", "plain", "simple", "presto", "psql", "outline"}

    assert acting(text) - {"\t"} == set()
    assert len(text.splitlines()) == len(plain.splitlines())
    if fmt in ("html", "unsafehtml", "github", "pipe", "mediawiki", "moinmoin", "textile"):
        assert "<script" not in text.replace("\\<", "")
        assert "<img" not in text.replace("\\<", "")
    if fmt in ("asciidoc", "rst", "orgtbl", "jira", "youtrack", "mediawiki", "moinmoin", "textile"):
        for active in (
            "include::",
            "[[",
            "{{",
            "{html}",
            "+++",
            "@@",
            "<<",
            "src_sh{",
            "://",
            "pass:[",
        ):
            assert active not in text
    if fmt.startswith("latex"):
        assert "\\input" not in text
    assert fmt not in ruled or text


class Tags(HTMLParser):
    """Collects the tags of a page, and its cells."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the tag, with the names of its attributes."""
        self.tags.append(" ".join([tag, *(name for name, _ in attrs)]))

    def handle_data(self, data: str) -> None:
        """Note the text."""
        self.text.append(data.strip())


@pytest.mark.parametrize("fmt", ["html", "unsafehtml"])
@pytest.mark.parametrize("cell", CELLS)
def test_html_has_our_tags_only(cell: str, fmt: str, mini: Challenge) -> None:
    """The tags and attributes of a table are the same whatever a team is called."""
    page, plain = Tags(), Tags()
    page.feed(tabled(mini, CELLS[cell], fmt))
    plain.feed(tabled(mini, "bob", fmt))

    assert page.tags == plain.tags


@pytest.mark.parametrize("fmt", ["github", "pipe"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_markdown_row_has_its_cells(cell: str, fmt: str, mini: Challenge) -> None:
    """Cells are parted by pipes that no backslash stands before: as many as in any other row."""
    counts = {
        len(re.findall(r"(?<!\\)(?:\\\\)*\|", line))
        for line in tabled(mini, CELLS[cell], fmt).splitlines()
    }

    assert len(counts) == 1


@pytest.mark.parametrize("fmt", ["csv", "tsv"])
def test_a_spreadsheet_runs_no_name(fmt: str, mini: Challenge) -> None:
    """A name that begins like a formula, in either width, is text in a spreadsheet."""
    for name in ("=1+1", "+1", "-1", "@SUM(1)", "＝1+1", "  =1+1", "\t=1"):
        line = tabled(mini, name, fmt).splitlines()[-2]
        cells = next(csv.reader([line], delimiter="," if fmt == "csv" else "\t"))
        # CSV names the challenge first.
        cell = cells[2 if fmt == "csv" else 1]
        assert cell.strip()[0] in "'\\"


def test_json_keeps_the_name(mini: Challenge) -> None:
    """Programs get the name as it is; the document itself is safe to print."""
    document = tabled(mini, CELLS["control"].replace("\ud800", "").replace("\udcff", ""), "json")

    assert acting(document) == set()
    assert json.loads(document)[1]["team"] == CELLS["control"].replace("\ud800", "").replace(
        "\udcff", ""
    )


def test_a_problem_of_the_store_is_safe() -> None:
    """A file's name and the reason against it are escaped where they become text."""
    assert acting(str(Problem(Path(HOSTILE.replace("\0", "")), HOSTILE))) == set()
