"""The loop of `grader watch`, with a pool and a screen that the tests hold in their hands."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from queue import SimpleQueue

import pytest
from test_comparing import scored

from grader import keys
from grader.challenge import Challenge, find
from grader.errors import GraderError, GraderFault, GradingStopped
from grader.grading import Attempt
from grader.pool import Pool
from grader.submission import Submission
from grader.supervising import Follower
from grader.watch_loop import Loop, Pressed, Queue, Quit, Setting
from grader.watch_screen import Diff, Hint, Screen, View
from leaderboard.errors import StoreWriteError
from leaderboard.score import Score

PATIENCE = 20


class Asked:
    """A grading that was asked for; the test gives its score."""

    def __init__(self, source: Submission, attempt: Attempt, follower: Follower) -> None:
        self.source, self.attempt, self.follower = source, attempt, follower
        self.future: Future[Score] = Future()
        self.future.set_running_or_notify_cancel()

    @property
    def text(self) -> str:
        """What is graded."""
        return next(iter(self.source.files.values())).decode()


class HeldPool(Pool):
    """A pool that grades when the test says so."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []

    def submit(
        self, submission: Submission, attempt: Attempt, follower: Follower | None = None
    ) -> Future[Score]:
        """Note what is to be graded."""
        assert follower is not None
        self.asked.append(Asked(submission, attempt, follower))
        return self.asked[-1].future

    def warm(self, challenge: Challenge) -> None:
        """Nothing to do."""


class Seen(Screen):
    """A screen that keeps what was shown."""

    def __init__(self) -> None:
        self.views: list[View] = []
        self.verdicts: list[View] = []
        self.said: list[str] = []
        self.closed = False

    def verdict(self, view: View) -> None:
        """Keep it as both."""
        self.views.append(view)
        self.verdicts.append(view)

    def redraw(self, view: View) -> None:
        """Keep it."""
        self.views.append(view)

    def status(self, text: str) -> None:
        """Keep it."""
        self.said.append(text)

    def gone(self) -> bool:
        """Never."""
        return False

    def close(self) -> None:
        """Note it."""
        self.closed = True


class Stage:
    """A loop that runs in a thread, and both of its sides."""

    def __init__(
        self, challenge: Challenge, path: Path, save: Callable[[Score], str] | None = None
    ) -> None:
        self.path = path
        self.pool, self.screen = HeldPool(), Seen()
        self.queue: Queue = SimpleQueue()
        setting = Setting(
            lambda one: Attempt(one, "ada"), lambda error: GraderFault(str(error)), save, "", True
        )
        self.loop = Loop(self.pool, self.screen, setting, self.queue)
        self.result: Score | GraderError | None = None
        self.thread = threading.Thread(target=self.run, args=(challenge,))
        self.thread.start()

    def run(self, challenge: Challenge) -> None:
        """Keep what the loop returns or raises."""
        try:
            self.result = self.loop.run(challenge, self.path)
        except GraderError as error:
            self.result = error

    def until(self, true: Callable[[], object]) -> None:
        """Wait for something to become true; fails where it does not."""
        deadline = time.monotonic() + PATIENCE
        while not true():
            assert time.monotonic() < deadline, (self.screen.said, self.screen.views[-1:])
            time.sleep(0.005)

    def asked(self, count: int) -> Asked:
        """The latest grading, once so many were asked for."""
        self.until(lambda: len(self.pool.asked) >= count)
        assert len(self.pool.asked) == count
        return self.pool.asked[-1]

    def give(self, count: int, score: Score) -> View:
        """Give a score to the grading of this number, and return what is shown then."""
        before = len(self.screen.verdicts)
        self.asked(count).future.set_result(score)
        self.until(lambda: len(self.screen.verdicts) > before)
        return self.screen.verdicts[-1]

    def press(self, key: str) -> View:
        """Press a key, and return what is shown then."""
        before = len(self.screen.views)
        self.queue.put(Pressed(key))
        self.until(lambda: len(self.screen.views) > before)
        return self.screen.views[-1]

    def end(self) -> Score | GraderError | None:
        """Ask for the end; returns what the loop returned or raised."""
        self.queue.put(Quit())
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive()
        self.loop.close()
        return self.result


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A hand-in."""
    path = tmp_path / "mine.py"
    path.write_text("x = 0\n")
    return path


@pytest.fixture
def stage(mini: Challenge, path: Path) -> Iterator[Stage]:
    """A loop over the hand-in."""
    made = Stage(mini, path)
    yield made
    made.end()


def test_a_verdict_is_compared_with_the_one_before(
    stage: Stage, mini: Challenge, path: Path
) -> None:
    """The first verdict stands alone; the next one says what changed; the last one is returned."""
    first = stage.give(1, scored(mini, {"test_double"}))
    path.write_text("x = 1\n")
    better = scored(mini, {"test_double", "test_affine"})
    second = stage.give(2, better)

    assert first.changed is None
    assert second.changed is not None
    assert [spec.name for spec in second.changed.gained] == ["test_affine"]
    assert stage.end() is better
    assert stage.screen.closed


def test_a_newer_save_calls_the_grading_off(stage: Stage, mini: Challenge, path: Path) -> None:
    """The running grading is stopped, its end shows nothing, and the newer version is graded."""
    old = stage.asked(1)
    path.write_text("x = 1\n")
    new = stage.asked(2)

    assert old.follower.stopped()
    assert not new.follower.stopped()
    old.future.set_exception(GradingStopped("stopped"))
    assert stage.give(2, scored(mini, set())).score is not None
    assert len(stage.screen.verdicts) == 1
    assert new.text == "x = 1\n"


def test_what_has_a_verdict_is_not_graded_again(stage: Stage, mini: Challenge, path: Path) -> None:
    """A file that vanishes and returns as it was needs no grading; its verdict stays."""
    stage.give(1, scored(mini, set()))
    path.unlink()
    stage.until(lambda: "not there" in stage.screen.views[-1].note)
    path.write_text("x = 0\n")
    stage.until(lambda: not stage.screen.views[-1].note)

    assert len(stage.pool.asked) == 1
    assert stage.screen.views[-1].score is not None


def test_enter_grades_again_with_a_new_seed(stage: Stage, mini: Challenge) -> None:
    """Enter grades the same content once more, and no seed is fixed."""
    stage.give(1, scored(mini, set()))
    stage.press(keys.ENTER)
    again = stage.asked(2)

    assert again.text == "x = 0\n"
    assert again.attempt.seed is None
    assert stage.give(2, scored(mini, set())).compared == "The same specs pass as before."


def test_a_version_that_cannot_be_graded_is_no_baseline(
    stage: Stage, mini: Challenge, path: Path
) -> None:
    """After an empty file, the next verdict is compared with the last one that had points."""
    stage.give(1, scored(mini, {"test_double"}))
    path.write_text("")
    stage.until(lambda: len(stage.screen.verdicts) == 2)
    empty = stage.screen.verdicts[-1]
    path.write_text("x = 2\n")
    view = stage.give(2, scored(mini, {"test_double", "test_affine"}))

    assert empty.score is not None
    assert (empty.score.status, empty.changed) == ("ungradable", None)
    assert "30/100" in empty.compared
    assert view.changed is not None
    assert view.changed.points_gained == 20


def test_hints_unfold_one_by_one(stage: Stage, mini: Challenge) -> None:
    """Each h shows the next hint; after the last one it is folded; Escape folds at once."""
    stage.give(1, scored(mini, set()))
    first, second = stage.press("h").panel, stage.press("h").panel

    assert isinstance(first, Hint) and isinstance(second, Hint)
    assert (first.heading, second.heading) == ("Hint 1: the factor", "Hint 2: the rows")
    assert stage.press("h").panel is None
    assert stage.press("h").panel == first
    assert stage.press(keys.ESCAPE).panel is None


def test_the_diff_is_against_the_version_graded_before(
    stage: Stage, mini: Challenge, path: Path
) -> None:
    """d shows what was changed between the two versions whose verdicts are compared."""
    stage.give(1, scored(mini, set()))
    alone = stage.press("d").panel
    path.write_text("x = 1\n")
    stage.give(2, scored(mini, set()))
    changed = stage.press("d").panel

    assert isinstance(alone, Diff) and isinstance(changed, Diff)
    assert alone.lines == ()
    assert changed.lines[-2:] == ("-x = 0", "+x = 1")
    stage.press(keys.ENTER)
    stage.give(3, scored(mini, set()))
    assert stage.press("d").panel == changed
    assert stage.press("d").panel is None


def test_n_offers_and_then_starts_the_next_challenge(tmp_path: Path) -> None:
    """Where the next challenge was not started, n says how, and n again does it."""
    path = tmp_path / "04_causal_attention.py"
    path.write_text("x = 0\n")
    stage = Stage(find("04"), path)
    try:
        stage.asked(1)
        offer = stage.press("n")
        made = tmp_path / "05_tiny_gpt.py"
        assert "grader start 05" in offer.note
        assert not made.exists()
        stage.press("n")
        asked = stage.asked(2)

        assert made.read_bytes() == find("05").starter.read_bytes()
        assert asked.attempt.challenge.id == "05"
        assert stage.pool.asked[0].follower.stopped()
        assert "last challenge" in stage.press("n").note
    finally:
        stage.end()


def test_n_never_overwrites(tmp_path: Path) -> None:
    """A file of the learner's that has the name of what would be made stays, and so does the challenge."""
    path = tmp_path / "04_causal_attention.py"
    path.write_text("x = 0\n")
    notes = tmp_path / "05_tiny_gpt.md"
    notes.write_text("my notes")
    stage = Stage(find("04"), path)
    try:
        stage.press("n")
        refused = stage.press("n")

        assert "exists" in refused.note
        assert refused.challenge.id == "04"
        assert notes.read_text() == "my notes"
        assert not (tmp_path / "05_tiny_gpt.py").exists()
    finally:
        stage.end()


def test_another_key_takes_the_offer_back(tmp_path: Path) -> None:
    """n, another key and n again only offers once more."""
    path = tmp_path / "04_causal_attention.py"
    path.write_text("x = 0\n")
    stage = Stage(find("04"), path)
    try:
        stage.press("n")
        stage.press("h")
        stage.press("n")

        assert not (tmp_path / "05_tiny_gpt.py").exists()
    finally:
        stage.end()


def test_a_fault_of_ours_is_told_and_raised_at_the_end(stage: Stage, mini: Challenge) -> None:
    """What this machine could not do is a note, the watch goes on, and the end has its exit code."""
    stage.asked(1).future.set_exception(OSError("no space"))
    stage.until(lambda: "no space" in stage.screen.views[-1].note)

    ended = stage.end()

    assert isinstance(ended, GraderFault)
    assert ended.exit_code == 4


def test_a_verdict_after_a_fault_forgets_it(stage: Stage, mini: Challenge) -> None:
    """When the next grading succeeds, the end is its verdict."""
    stage.asked(1).future.set_exception(OSError("no space"))
    stage.until(lambda: "no space" in stage.screen.views[-1].note)
    stage.press(keys.ENTER)
    score = scored(mini, set())
    stage.give(2, score)

    assert stage.end() is score


def test_scores_are_saved_when_asked_for(mini: Challenge, path: Path) -> None:
    """Each verdict is kept and its file named; a store that fails is told, and the watch goes on."""
    kept: list[Score] = []

    def save(score: Score) -> str:
        kept.append(score)
        if len(kept) == 2:
            raise StoreWriteError("disk full")
        return "store/one.json"

    stage = Stage(mini, path, save)
    try:
        first = stage.give(1, scored(mini, set()))
        stage.press(keys.ENTER)
        second = stage.give(2, scored(mini, {"test_double"}))

        assert first.saved == "store/one.json"
        assert [score.score for score in kept] == [0, 30]
        assert (second.saved, "disk full" in second.note) == ("", True)
    finally:
        stage.end()


def test_the_quit_keys_quit(mini: Challenge, path: Path) -> None:
    """q and Ctrl-D end the loop without a signal; what runs is called off when it is closed."""
    for key in ("q", keys.END):
        stage = Stage(mini, path)
        asked = stage.asked(1)
        stage.queue.put(Pressed(key))
        stage.thread.join(PATIENCE)
        assert not stage.thread.is_alive()
        stage.loop.close()

        assert stage.result is None
        assert asked.follower.stopped()
