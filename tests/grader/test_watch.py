"""`grader watch` as people run it: on a terminal, through a pipe, and against what goes wrong there."""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner
from test_comparing import scored
from test_screen_safety import HOSTILE, acting, hostile_score

import grader
from grader.challenge import Challenge
from grader.cli import main
from grader.comparing import compare
from grader.render import hints
from grader.starting import started_file
from grader.watch_command import _target as target
from grader.watch_screen import Diff, Hint, Lines, Terminal, View
from leaderboard.store import Store

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
ROOT = Path(grader.__file__).parent.parent
PATIENCE = 60
CLEAR = "\x1b[H\x1b[2J"


def command(mini: Challenge, path: Path, *options: str) -> list[str]:
    """The command that watches a hand-in for the mini challenge."""
    return [sys.executable, "-m", "grader", "watch", str(mini.folder), str(path), *options]


def environment() -> dict[str, str]:
    """An environment with a terminal, and without what this one has to say about colours."""
    kept = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS")}
    return {**kept, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}


class Running:
    """A watch in a process of its own; what it writes is collected."""

    def __init__(self, process: subprocess.Popen[bytes], source: int) -> None:
        self.process = process
        self.raw = ""
        self._reader = threading.Thread(target=self._read, args=(source,), daemon=True)
        self._reader.start()
        self.family: set[psutil.Process] = set()

    def _read(self, source: int) -> None:
        # A terminal whose other end is closed is an error, not an end.
        with contextlib.suppress(OSError):
            while data := os.read(source, 65536):
                self.raw += data.decode("utf-8", "replace")

    def until(self, true: Callable[[], object]) -> None:
        """Wait for something to become true; fails where it does not."""
        deadline = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < deadline, self.raw
            assert self.process.poll() is None or true(), self.raw
            time.sleep(0.01)

    def screen(self) -> str:
        """What was drawn last, as plain text."""
        return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", self.raw.rpartition(CLEAR)[2])

    def shows(self, text: str) -> None:
        """Wait until the screen, or the output of a pipe, has this text."""
        self.until(lambda: text in self.screen())

    def ended(self) -> int:
        """Wait for the end; returns the exit code, when nothing that was started is left."""
        code = self.process.wait(PATIENCE)
        if self.process.stdout is not None:
            # The other end of a terminal is ours, and stays open.
            self._reader.join(PATIENCE)
            self.process.stdout.close()
        assert psutil.wait_procs(self.family, timeout=10)[1] == []
        return code

    def note_family(self) -> None:
        """Note every process that was started, to see later that it has ended."""
        self.family |= set(psutil.Process(self.process.pid).children(recursive=True))
        assert self.family


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A hand-in to the mini challenge: two functions and a class that raise."""
    path = tmp_path / "mine.py"
    path.write_text("def double(x): raise ValueError\nrow_means = double\nAffine = double\n")
    return path


def half(mini: Challenge) -> str:
    """A hand-in of which one function is wrong."""
    return mini.solution.read_text("utf-8").replace("x.mean(dim=1)", "x.mean(dim=0)")


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of a pseudo-terminal of 45 lines."""
    import termios

    person, program = os.openpty()
    termios.tcsetwinsize(program, (45, 110))
    yield person, program
    os.close(person)
    os.close(program)


def on_terminal(words: list[str], ends: tuple[int, int]) -> Running:
    """Start a command on a terminal of its own."""
    process = subprocess.Popen(words, env=environment(), preexec_fn=lambda: os.login_tty(ends[1]))
    return Running(process, ends[0])


def modes(descriptor: int) -> object:
    """How a terminal treats what is typed."""
    import termios

    return termios.tcgetattr(descriptor)


@pytest.mark.walls
def test_a_session_at_a_terminal(
    mini: Challenge, path: Path, terminal: tuple[int, int], tmp_path: Path
) -> None:
    """From wrong over half-right to right, with every key, a rename, a resize, and a clean end."""
    import termios

    person, program = terminal
    before = modes(program)
    watch = on_terminal(command(mini, path, "--save", "--store", str(tmp_path / "store")), terminal)
    watch.shows("0/100  not passed yet")
    watch.shows("Enter grade again · h hint 1 of 2 · d diff · n next challenge · q quit")
    watch.note_family()
    assert modes(program) != before

    path.write_text(half(mini))
    watch.shows("+70: now passes 4 specs")
    assert "+30 ✓ 30/30 double returns twice its input" in watch.screen()
    os.write(person, b"h")
    watch.shows("Hint 1: the factor")
    assert "h hint 2 of 2" in watch.screen()
    os.write(person, b"h")
    watch.shows("A row runs along dimension 1.")

    beside = path.with_suffix(".tmp")
    beside.write_bytes(mini.solution.read_bytes())
    beside.replace(path)
    watch.shows("100/100  passed")
    assert "+30: now passes “row_means returns" in watch.screen()
    os.write(person, b"d")
    watch.shows("+    return x.mean(dim=1)")
    os.write(person, b"n")
    watch.shows("90 is the last challenge.")
    os.write(person, b"\r")
    watch.shows("The same specs pass as before.")

    termios.tcsetwinsize(person, (45, 40))
    watch.until(lambda: "…" in watch.screen().splitlines()[-1])
    path.unlink()
    watch.shows("Waiting for it.")
    os.write(person, b"q")

    assert watch.ended() == 0
    assert modes(program) == before
    assert [score.score for score in Store(tmp_path / "store").read()[0]] == [0, 70, 100, 100]


@pytest.mark.parametrize("how", ["ctrl_c", "ctrl_d", "sigterm", "hangup"])
def test_every_end_restores_the_terminal(
    how: str, mini: Challenge, path: Path, terminal: tuple[int, int]
) -> None:
    """Ctrl-C, Ctrl-D and signals end a watch like q: nothing runs on, the terminal is as it was."""
    person, program = terminal
    before = modes(program)
    path.unlink()
    watch = on_terminal(command(mini, path), terminal)
    watch.shows("Waiting for it.")
    watch.shows("q quit")
    if how.startswith("ctrl"):
        os.write(person, {"ctrl_c": b"\x03", "ctrl_d": b"\x04"}[how])
    else:
        watch.process.send_signal({"sigterm": signal.SIGTERM, "hangup": signal.SIGHUP}[how])

    assert watch.ended() == 3
    assert modes(program) == before


def piped(words: list[str]) -> Running:
    """Start a command whose output goes through a pipe, and whose input nobody writes."""
    process = subprocess.Popen(
        words, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    return Running(process, process.stdout.fileno())


@pytest.mark.walls
def test_a_session_through_a_pipe(mini: Challenge, path: Path) -> None:
    """A line for each verdict, no escape codes; a newer save ends a grading that would take a minute."""
    watch = piped(command(mini, path))
    watch.shows("0/100  not passed yet\n")
    watch.note_family()
    path.write_text(half(mini))
    watch.shows("70/100  not passed yet  +70: now passes 4 specs\n")
    path.write_text("def double(:\n")
    watch.shows("0/100  ungradable  The hand-in is not valid Python in line 1")
    watch.shows("Before this: 70/100.\n")
    path.write_text(f"import time\ntime.sleep(50)\n{half(mini)}")
    # Long enough for it to begin; where it has not, it is called off all the sooner.
    time.sleep(1)
    path.write_bytes(mini.solution.read_bytes())
    watch.shows("100/100  passed  +30: now passes “row_means returns the mean of each row.”\n")
    path.write_bytes(mini.solution.read_bytes())
    path.write_text("\n")
    watch.shows("mine.py is empty.")
    path.write_text(f"raise ValueError('\\x1b[2Jpwned \\x9b2J')\n{half(mini)}")
    watch.shows(r"ValueError: \x1b[2Jpwned")
    watch.process.send_signal(signal.SIGINT)

    assert watch.ended() == 3
    assert acting(watch.raw) == set()
    assert all(re.match(r"\d\d:\d\d:\d\d  ", line) for line in watch.raw.splitlines())
    assert len(watch.raw.splitlines()) == 6


def test_a_closed_pipe_ends_a_watch_quietly(mini: Challenge, path: Path) -> None:
    """When nobody reads any more, the watch ends by itself and says nothing about it."""
    path.write_text("")
    process = subprocess.Popen(
        command(mini, path), env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None and process.stderr is not None
    assert b"is empty" in process.stdout.readline()
    process.stdout.close()

    assert process.wait(PATIENCE) == 3
    with process.stderr:
        assert process.stderr.read() == b""


# What is watched.


def test_the_started_file_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an id it is the challenge that was started here; of several the one saved last, by name."""
    from grader.challenge import find

    monkeypatch.chdir(tmp_path)
    for number, key in enumerate(("02", "04", "01")):
        file = started_file(find(key))
        file.write_text("x = 1\n")
        os.utime(file, (1000 + number, 1000 + number))

    assert target(None, None)[0].id == "01"
    os.utime(started_file(find("04")), (2000, 2000))
    assert target(None, None) == (find("04"), started_file(find("04")))
    assert target(find("02"), None)[1] == started_file(find("02"))


def test_several_started_files_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which of them is watched is said, and which are there too."""
    from grader.challenge import find

    monkeypatch.chdir(tmp_path)
    for key in ("02", "04"):
        started_file(find(key)).write_text("x = 1\n")
    os.utime(started_file(find("02")), (1000, 1000))
    target(None, None)

    assert "04_causal_attention.py" in (said := capsys.readouterr().err)
    assert "02" in said


@pytest.mark.parametrize(
    ("words", "cure"),
    [
        ([], "grader start 01"),
        (["04"], "grader start 04"),
        (["04", "-"], "Name a file"),
        (["04", "no/such/folder/x.py"], "no/such/folder"),
        (["04", "x.py", "--device", "tpu"], "tpu"),
    ],
)
def test_wrong_usage_says_what_to_do(
    words: list[str], cure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be watched is exit code 2 and the command that cures it."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["watch", *words])

    assert result.exit_code == 2
    assert cure in result.stderr


# What is shown.


class Glass(io.StringIO):
    """A terminal of which only the writing end exists."""

    def isatty(self) -> bool:
        """It says so."""
        return True


def drawn(view: View, monkeypatch: pytest.MonkeyPatch, lines: int = 45) -> str:
    """What a terminal of this height is sent for a view, without colours and our own movements."""
    monkeypatch.setenv("LINES", str(lines))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("TERM", "xterm-256color")
    glass = Glass()
    screen = Terminal(glass)
    screen.status(view.path)
    screen.verdict(view)
    return re.sub(r"\x1b\[[0-9;]*m", "", glass.getvalue().replace(CLEAR, ""))


def test_a_hostile_hand_in_cannot_draw(mini: Challenge, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prints, names, messages, a diff and a note are shown with their escapes spelled out."""
    score = hostile_score(mini, HOSTILE)
    panel = Diff("Changed", (f"+{HOSTILE}",))
    changed = compare(scored(mini, {mini.specs[0].name}), score)
    view = View(mini, HOSTILE, "", score, changed, "", HOSTILE, panel, HOSTILE, "q quit")

    assert acting(drawn(view, monkeypatch, 400)) == set()
    assert acting(drawn(view, monkeypatch, 20)) == set()
    out = io.StringIO()
    Lines(out, out, verbose=True).verdict(view)
    assert acting(out.getvalue()) == set()


@pytest.mark.parametrize("passing", [set(), {"test_double"}], ids=["none", "one"])
def test_a_low_terminal_shows_the_end_of_a_view(
    passing: set[str], mini: Challenge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the whole view has no room, rows go first, and verdict, hint and keys stay."""
    score = scored(mini, passing)
    view = View(mini, "mine.py", score=score, panel=Hint(*hints(mini)[0]), keys="q quit")
    high, low = drawn(view, monkeypatch), drawn(view, monkeypatch, 14)

    assert "twice its input" in high
    assert low.strip().count("\n") < 14
    for text in (f"{score.score}/100", "Hint 1", "q quit"):
        assert text in low
