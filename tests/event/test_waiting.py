"""The queue on disk, and a run that ends at any moment: nothing lost, nothing graded twice."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import test_never_lost as never_lost
from hypothesis import given, settings
from hypothesis import strategies as st

from grader.challenge import Challenge
from grader.errors import GraderFault, HandInError
from grader.events.desk import Terms
from grader.events.folder import EventFolder, Rules, read_rules
from grader.events.paging import Paging
from grader.events.running import Plan, Run
from grader.events.waiting import Arrival, Queue, unfinished
from grader.grading import Attempt, unread
from grader.submission import Submission
from leaderboard.score import Score
from leaderboard.store import Store

NOW = datetime(2026, 11, 28, 10, tzinfo=UTC)


def arrival(number: int = 0, team: str = "red", data: bytes = b"x = 1\n") -> Arrival:
    """A hand-in for the mini challenge."""
    moment = NOW + timedelta(seconds=number)
    return Arrival(1, team, "90", moment, "inbox", Submission.of("90.py", {"90.py": data}))


arrivals = st.builds(
    arrival,
    number=st.integers(0, 50),
    team=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5),
    data=st.binary(max_size=20),
)


@settings(max_examples=50, deadline=None)
@given(found=st.lists(arrivals, max_size=8))
def test_what_goes_in_comes_out_by_time(
    found: list[Arrival], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whatever is added is read again, each once, earliest first; adding it again changes nothing."""
    queue = two_folders(tmp_path_factory.mktemp("event"))
    for one in [*found, *found]:
        queue.add(one)
    waiting, strange = queue.read()

    assert strange == []
    assert Counter(map(repr, waiting)) == Counter(set(map(repr, found)))
    assert [one.arrived for one in waiting] == sorted(one.arrived for one in waiting)


def two_folders(folder: Path) -> Queue:
    """A queue with its folders."""
    for name in ("queue", "graded"):
        (folder / name).mkdir()
    return Queue(folder / "queue", folder / "graded")


def test_what_is_done_leaves_the_queue_and_is_kept(tmp_path: Path) -> None:
    """A hand-in with its score is put aside whole; doing that again is no error."""
    queue = two_folders(tmp_path)
    queue.add(arrival(1))
    queue.add(arrival(2))
    queue.done(arrival(1))
    queue.done(arrival(1))

    assert queue.read() == ([arrival(2)], [])
    assert list(queue.graded()) == [arrival(1)]


def test_what_cannot_be_put_aside_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that does not take it is told with what to do, and the hand-in is still in the queue."""

    def full(path: Path, target: Path) -> Path:
        raise OSError(errno.ENOSPC, "No space left on device")

    queue = two_folders(tmp_path)
    queue.add(arrival())
    monkeypatch.setattr(Path, "replace", full)

    with pytest.raises(GraderFault, match=r"No space left.* Free some space"):
        queue.done(arrival())
    assert queue.read() == ([arrival()], [])


@pytest.mark.parametrize("cut", range(0, 200, 7))
def test_half_a_file_is_none(cut: int, tmp_path: Path) -> None:
    """What a killed writer left is removed; a file that is damaged is named and left alone."""
    queue, folder = two_folders(tmp_path), tmp_path / "queue"
    queue.add(arrival(1))
    whole = (folder / arrival(1).file_name).read_bytes()
    (folder / f".{arrival(2).file_name}.tmp").write_bytes(whole[:cut])
    (folder / arrival(3).file_name).write_bytes(whole[:cut])

    assert queue.read() == ([arrival(1)], [arrival(3).file_name])
    assert [path.name for path in folder.glob(".*")] == []
    assert (folder / arrival(3).file_name).exists()


def test_a_full_disk_is_told_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be written is not in the queue, not even half of it."""

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)

    with pytest.raises(OSError, match="No space"):
        two_folders(tmp_path).add(arrival())
    assert list((tmp_path / "queue").iterdir()) == []


def test_what_has_a_score_does_not_wait() -> None:
    """Team and id decide: the same bytes of another team, or of another time, wait."""
    waiting = [arrival(1), arrival(1, team="blue"), arrival(2)]

    assert unfinished(waiting, {("red", arrival(1).id)}) == waiting[1:]


# A whole run that ends between any two steps.


class Ended(BaseException):
    """The run has been killed."""


class AtStep:
    """Ends the run at a step, which is a change on disk: before it, or after it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
        self.left = step
        for owner, name in (
            (os, "fsync"),
            (Path, "replace"),
            (Path, "unlink"),
            (os, "link"),
            (Path, "mkdir"),
        ):
            self._wrap(monkeypatch, owner, name)

    def _wrap(self, monkeypatch: pytest.MonkeyPatch, owner: object, name: str) -> None:
        honest = getattr(owner, name)

        def wrapped(*arguments: object, **named: object) -> object:
            if self.left <= 0:
                # Like a process that is dead, it does nothing any more, not even tidy up.
                raise Ended
            self.left -= 1
            return honest(*arguments, **named)

        monkeypatch.setattr(owner, name, wrapped)


class Grader:
    """Grades in no time, and counts."""

    def __init__(self) -> None:
        self.graded: Counter[tuple[str, str]] = Counter()
        self.free = True

    def begin(self, submission: Submission, attempt: Attempt) -> Future[Score]:
        """A record at once."""
        score = unread("90.py", attempt, HandInError("not graded in this test"))
        info = msgspec.structs.replace(score.submission, sha256=submission.sha256)
        future: Future[Score] = Future()
        stamp = f"{attempt.submitted_at:%Y%m%dT%H%M%S%fZ}"
        key = f"90-{stamp}-{submission.sha256[:12]}"
        self.graded[attempt.team, submission.sha256] += 1
        future.set_result(msgspec.structs.replace(score, id=key, submission=info))
        return future

    def close(self) -> None:
        """Nothing runs."""


class Quiet:
    """Says nothing, and keeps it."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.verdicts: list[Score] = []

    def say(self, text: str) -> None:
        """Keep it."""
        self.said.append(text)

    def verdict(self, score: Score, arrival: Arrival, rules: Rules) -> None:
        """Keep it."""
        self.verdicts.append(score)


def run_once(
    event: EventFolder, mini: Challenge, grader: Grader, voice: Quiet | None = None
) -> Run:
    """One run to its end, with files taken at once."""
    voice = voice or Quiet()
    plan = Plan([mini], once=True, quiet_s=0, look_every_s=0)
    terms = Terms("cpu", lambda one: one.limits)
    rules = read_rules(event, [mini])
    run = Run(event, rules, plan, terms, grader, Paging(None, voice.say), voice)
    run.run(threading.Event())
    return run


def hand_in(event: EventFolder) -> set[tuple[str, str]]:
    """Five hand-ins of two teams; returns team and text of each."""
    due = set()
    for number in range(5):
        team = ("red", "Blue-Whales")[number % 2]
        (event.inbox / team / f"90_{number}.py").write_text(f"x = {number}\n")
        due.add((team.replace("-", " "), f"x = {number}\n"))
    return due


# Of a process that is killed nobody closes the files.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_run_that_ends_at_any_step_loses_nothing(
    event: EventFolder, mini: Challenge, tmp_path: Path
) -> None:
    """Killed before each change on disk in turn, and run again to its end: one record for each."""
    due = hand_in(event)
    blank = {path: path.read_bytes() for path in event.inbox.rglob("*.py")}
    for step in range(200):
        with pytest.MonkeyPatch.context() as monkeypatch:
            AtStep(monkeypatch, step)
            try:
                run_once(event, mini, Grader())
                ended = False
            except Ended:
                ended = True
        before = {(one.team, one.id) for one in Store(event.scores).read()[0]}
        before |= {(one.team, one.id) for one in Queue(event.queue, event.graded).read()[0]}
        run_once(event, mini, Grader())
        scores, problems = Store(event.scores).read()
        assert problems == []
        assert len(scores) == len(due), f"step {step}"
        # What was stamped before the kill keeps its time.
        assert before <= {(one.team, one.id) for one in scores}, f"step {step}"
        assert list(event.queue.iterdir()) == []
        assert len(list(event.graded.iterdir())) == len(due), f"step {step}"
        if not ended:
            break
        cleared(event, blank)
    assert step > 40


def cleared(event: EventFolder, blank: dict[Path, bytes]) -> None:
    """As it was before the first run."""
    for folder in (event.scores, event.queue, event.graded):
        shutil.rmtree(folder)
        folder.mkdir()
    assert all(path.read_bytes() == data for path, data in blank.items())


def test_a_second_run_grades_nothing_again(event: EventFolder, mini: Challenge) -> None:
    """What has a score is known by its bytes, wherever it lies by now."""
    hand_in(event)
    run_once(event, mini, Grader())
    (event.inbox / "red" / "90_0.py").rename(event.inbox / "red" / "90 (1).py")
    again = Grader()
    run_once(event, mini, again)

    assert again.graded == Counter()
    assert len(Store(event.scores).read()[0]) == 5


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a small file system")
def test_a_full_disk_is_told_and_survived(
    event: EventFolder, mini: Challenge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the store takes nothing, a sentence says so and scores are kept; then it goes on."""
    hand_in(event)
    failures = iter([True] * 3)
    honest = Store.add

    def add(store: Store, score: Score) -> Path:
        from leaderboard.errors import StoreWriteError

        if next(failures, False):
            raise StoreWriteError("Cannot write a score to there: No space left on device.")
        return honest(store, score)

    monkeypatch.setattr(Store, "add", add)
    voice, grader = Quiet(), Grader()
    run_once(event, mini, grader, voice)

    assert len(Store(event.scores).read()[0]) == 5
    assert max(grader.graded.values()) == 1
    assert [text for text in voice.said if "No space" in text] == [
        "Cannot write a score to there: No space left on device.\n"
        "Nothing is lost: it goes on by itself after that."
    ]


def test_only_one_run_has_an_event(event: EventFolder, mini: Challenge) -> None:
    """A second run is refused with a sentence; one that was killed holds nothing."""
    command = [sys.executable, "-m", "grader", "event", "run", str(event.path), "--once"]
    command += ["--challenge", str(mini.folder)]
    with event.alone():
        done = subprocess.run(
            command, capture_output=True, text=True, env=never_lost.environment(), check=False
        )

    assert done.returncode == 2
    assert "is run by another" in done.stderr
    assert not (event.path / ".running").exists()
    (event.path / ".running").touch()
    with event.alone():
        pass
    assert not (event.path / ".running").exists()
