"""What `grader watch` shows: one screen that is drawn again in place, or one line per verdict."""

from __future__ import annotations

import contextlib
import os
import select
import sys
from collections.abc import Sequence
from typing import Final, Protocol, TextIO

import msgspec
from rich.console import Console, Group, RenderableType
from rich.constrain import Constrain
from rich.markdown import Markdown
from rich.padding import Padding
from rich.text import Text

from grader.challenge import Challenge
from grader.comparing import Comparison, sentences
from grader.errors import ScreenGone
from grader.render import Detail, score_parts, verdict_words
from leaderboard.score import Score
from leaderboard.text import clip, printable

TEXT_WIDTH: Final = 100
DIFF_LINES: Final = 200
REASON_WIDTH: Final = 200
TITLES_IN_A_LINE: Final = 3
CLEAR: Final = "\x1b[H\x1b[2J"
# Up to the line before the last, and everything from there on away.
TO_FOOT: Final = "\r\x1b[1A\x1b[J"
DIFF_COLOURS: Final = {"+": "green", "-": "red", "@": "cyan"}


class Hint(msgspec.Struct, frozen=True):
    """A hint that is unfolded."""

    heading: str
    body: str


class Diff(msgspec.Struct, frozen=True):
    """What was changed since an earlier version, or why there is nothing to show."""

    title: str
    lines: tuple[str, ...]


class View(msgspec.Struct, frozen=True):
    """All that there is to be seen at a moment."""

    challenge: Challenge
    path: str
    warning: str = ""
    score: Score | None = None
    changed: Comparison | None = None
    compared: str = ""
    """With what the score was compared, or why it was not."""
    saved: str = ""
    panel: Hint | Diff | None = None
    note: str = ""
    keys: str = ""


class Screen(Protocol):
    """Where views go. All but `gone` raise ScreenGone where nobody can read them any more."""

    def verdict(self, view: View) -> None:
        """Show a view with a new verdict."""

    def redraw(self, view: View) -> None:
        """Show a view in which something else is new."""

    def status(self, text: str) -> None:
        """Show what goes on now."""

    def gone(self) -> bool:
        """Whether nobody reads any more."""

    def close(self) -> None:
        """Leave the last verdict for whoever comes next."""


class Lines:
    """A line for each verdict, for pipes and files: no colours, nothing in place."""

    def __init__(self, out: TextIO, talk: TextIO, verbose: bool = False) -> None:
        self._out, self._talk = out, talk
        self._verbose = verbose
        self._note = ""

    def verdict(self, view: View) -> None:
        """Write time, points, verdict, and what changed or what is wrong."""
        assert view.score is not None
        self._write(self._out, line(view.score, view.changed, view.compared, self._verbose))
        self.redraw(view)

    def redraw(self, view: View) -> None:
        """Say a new note."""
        if view.note and view.note != self._note:
            self._write(self._talk, printable(view.note))
        self._note = view.note

    def status(self, text: str) -> None:
        """A pipe is told nothing but results."""

    def gone(self) -> bool:
        """Whether the other end of the pipe is closed."""
        with contextlib.suppress(AttributeError, OSError, ValueError):
            # Neither every system has poll nor every stream a descriptor.
            poll = select.poll()
            poll.register(self._out.fileno(), 0)
            return any(event & (select.POLLERR | select.POLLNVAL) for _, event in poll.poll(0))
        return False

    def close(self) -> None:
        """The last verdict is the end."""

    def _write(self, stream: TextIO, text: str) -> None:
        try:
            stream.write(text + "\n")
            stream.flush()
        except OSError as error:
            silence(stream)
            raise ScreenGone("Nobody reads the verdicts any more.") from error


def line(score: Score, changed: Comparison | None, compared: str, verbose: bool) -> str:
    """Return a verdict as one line."""
    words, _ = verdict_words(score)
    parts = [f"{score.graded_at.astimezone():%H:%M:%S}", words]
    if score.message:
        parts.append(clip(printable(score.message.partition("\n")[0]), REASON_WIDTH))
    parts.append("; ".join(sentences(changed, TITLES_IN_A_LINE)) if changed else compared)
    if verbose:
        parts.append(f"({score.usage.wall_s:.2f} s, seed {score.seed})")
    return "  ".join(filter(None, parts))


class Terminal:
    """The screen of a terminal. Its last two lines are what goes on, and the keys."""

    def __init__(self, out: TextIO, verbose: bool = False) -> None:
        self._out = out
        self._verbose = verbose
        self._status = ""
        self._keys = ""
        self._drawn = False

    def verdict(self, view: View) -> None:
        """Draw the view in the place of what is there."""
        self.redraw(view)

    def redraw(self, view: View) -> None:
        """Draw the view in the place of what is there."""
        console = self._console()
        body = _fitted(console, view, self._verbose)
        self._keys = view.keys
        # What stood on the screen before us moves up, out of the way, instead of being wiped out.
        before = CLEAR if self._drawn else "\n" * console.height + CLEAR
        self._drawn = True
        self._write(before + body + self._foot(console))

    def status(self, text: str) -> None:
        """Replace the line above the keys."""
        if text != self._status:
            self._status = text
            if self._drawn:
                self._write(TO_FOOT + self._foot(self._console()))

    def gone(self) -> bool:
        """A terminal that goes says so by a signal."""
        return False

    def close(self) -> None:
        """Leave the verdict on the screen, without the last two lines."""
        if self._drawn:
            self._write(TO_FOOT)

    def _foot(self, console: Console) -> str:
        status, keys = Text(printable(self._status)), Text(self._keys, style="dim")
        for text in (status, keys):
            # A line that wraps would be two, and the next foot one too low.
            text.truncate(console.width - 1, overflow="ellipsis")
        return _drawn(console, Group(status, keys)).removesuffix("\n")

    def _console(self) -> Console:
        # Anew each time, for the size that the terminal has now.
        return Console(file=self._out, highlight=False, soft_wrap=False)

    def _write(self, text: str) -> None:
        try:
            self._out.write(text)
            self._out.flush()
        except OSError as error:
            silence(self._out)
            raise ScreenGone("The terminal has gone.") from error


def _drawn(console: Console, what: RenderableType) -> str:
    with console.capture() as captured:
        console.print(what)
    return captured.get()


def _fitted(console: Console, view: View, verbose: bool) -> str:
    """Return the view; where the terminal is too low for it, with less of the table."""
    details: list[Detail | None] = [
        Detail(verbose),
        Detail(verbose, passing=False),
        Detail(verbose, passing=False, skipped=False),
        Detail(verbose, passing=False, skipped=False, lines=1),
        Detail(verbose, passing=False, skipped=False, lines=0),
    ]
    if view.panel is not None:
        details.append(None)
    for detail in details:
        text = _drawn(console, Group(*_parts(view, detail)))
        # The last two lines of the terminal are the foot.
        if text.count("\n") <= console.height - 2:
            break
    return text


def _parts(view: View, detail: Detail | None) -> list[RenderableType]:
    """Return the view from top to bottom; without the table where there is no detail of it."""
    parts: list[RenderableType] = []
    if view.warning:
        parts.append(Text(view.warning, style="yellow"))
    if view.score is None:
        title = printable(f"{view.challenge.id} {view.challenge.title}")
        parts.append(Text.assemble((title, "bold"), f"  {printable(view.path)}"))
    elif detail is None:
        parts += [score_parts(view.score, Detail())[0], Text.assemble(verdict_words(view.score))]
    else:
        parts += score_parts(view.score, detail, view.changed or Comparison())
    if view.saved:
        parts.append(Text(f"score written to {printable(view.saved)}", style="dim"))
    change = _change(view)
    if change:
        parts += [Text(), change]
    if view.panel is not None:
        parts += [Text(), *_panel(view.panel)]
    if view.note:
        parts += [Text(), Text(printable(view.note), style="yellow")]
    return [*parts, Text()]


def _change(view: View) -> Text:
    told = sentences(view.changed) if view.changed else ()
    styles = {"+": "green", "−": "red"}
    text = Text()
    for number, words in enumerate(told):
        text.append("; " if number else "")
        text.append(words, style=styles.get(words[0], ""))
    return text or Text(view.compared, style="dim")


def _panel(panel: Hint | Diff) -> Sequence[RenderableType]:
    if isinstance(panel, Hint):
        body = Constrain(Markdown(panel.body), TEXT_WIDTH)
        return [Text(panel.heading, style="bold"), Padding(body, (0, 2))]
    lines = Text()
    for text in panel.lines[:DIFF_LINES]:
        lines.append(f"{printable(text)}\n", style=DIFF_COLOURS.get(text[:1], ""))
    lines.rstrip()
    return [Text(panel.title, style="bold"), *([Padding(lines, (0, 2))] if lines else [])]


def silence(stream: TextIO) -> None:
    """Send what is still written to a closed pipe nowhere, so that Python's own end is quiet."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def in_place(out: TextIO) -> bool:
    """Whether a stream is a terminal that can be drawn on."""
    able = os.environ.get("TERM", "") not in ("dumb", "unknown") and sys.platform != "win32"
    return able and out.isatty()
