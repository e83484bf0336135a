"""What `grader watch` knows of the file that it watches, and the view that follows from it."""

from __future__ import annotations

from pathlib import Path

from grader.challenge import Challenge
from grader.comparing import Comparison, compare, diff
from grader.render import hints
from grader.submission import Submission
from grader.watch_screen import Diff, Hint, View
from grader.watching import Version
from leaderboard.score import Score


class State:
    """One file of one challenge: its versions, its verdicts, and what is unfolded beside them."""

    def __init__(self, challenge: Challenge, path: Path) -> None:
        self.challenge, self.path = challenge, path
        self.version: Version | None = None
        """What lies there now, as far as is known."""
        self.score: Score | None = None
        """The last verdict."""
        self.note = ""
        self.saved = ""
        self.offered = False
        """Whether the next challenge was offered to be started."""
        self._judged = ""
        """The hash of what the last verdict is about."""
        self._graded: Score | None = None
        """The last verdict with points: a version that does not compile has none to compare with."""
        self._source: Submission | None = None
        self._older: Submission | None = None
        """The version of that verdict, and the last one before it that differs."""
        self._changed: Comparison | None = None
        self._compared = ""
        self._hint = 0
        self._with_diff = False

    def take(self, score: Score, source: Submission | None) -> None:
        """Note a verdict about a version; None stands for one that could not be read."""
        self.score = score
        self._judged = source.sha256 if source is not None else ""
        self._changed, self._compared, self._with_diff = None, "", False
        before = self._graded
        if score.status == "graded":
            self._graded = score
            if source is not None and (
                self._source is None or self._source.sha256 != source.sha256
            ):
                self._older, self._source = self._source, source
            if before is not None:
                self._changed = compare(before, score)
                self._compared = "" if self._changed else "The same specs pass as before."
        elif before is not None:
            self._compared = f"Before this: {before.score}/{before.max_score}."

    def has_verdict_on(self, source: Submission) -> bool:
        """Whether the last verdict is about this content."""
        return self._judged == source.sha256

    def unfold_hint(self) -> None:
        """Show the next hint; after the last, none."""
        count = len(hints(self.challenge))
        if count == 0:
            self.note = "The brief of this challenge has no hints."
        self._hint = (self._hint + 1) % (count + 1)
        self._with_diff = False

    def turn_diff(self) -> None:
        """Show what was changed, or hide it again."""
        self._with_diff = not self._with_diff

    def fold(self) -> None:
        """Show the verdict alone."""
        self._hint, self._with_diff = 0, False

    def difference(self) -> Diff:
        """Return what was changed since the version that was graded before the present one."""
        now = self.version
        if not isinstance(now, Submission):
            return Diff("The file cannot be read now, so there is nothing to compare.", ())
        old = self._older if self._source and self._source.sha256 == now.sha256 else self._source
        if old is None:
            return Diff("No other version was graded yet, so there is nothing to compare.", ())
        lines = tuple(diff(old, now))
        title = "Changed since the version that was graded before:"
        return Diff(title if lines else "Nothing was changed but the ends of lines.", lines)

    def view(self, warning: str, with_keys: bool) -> View:
        """Return what there is to be seen."""
        found = hints(self.challenge)
        panel: Hint | Diff | None = None
        if self._with_diff:
            panel = self.difference()
        elif self._hint:
            panel = Hint(*found[self._hint - 1])
        keys = "Ctrl-C ends"
        if with_keys:
            hint = f"h hint {self._hint + 1} of {len(found)}"
            hint = hint if self._hint < len(found) else "h fold the hint"
            keys = f"Enter grade again · {hint} · d diff · n next challenge · q quit"
        return View(
            self.challenge,
            str(self.path),
            warning,
            self.score,
            self._changed,
            self._compared,
            self.saved,
            panel,
            self.note,
            keys,
        )
