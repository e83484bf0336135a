"""The loop of an event: when it ends, rules that change, our own faults, the page, signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import test_never_lost as never_lost
from test_waiting import Grader, Quiet, run_once

from grader.challenge import Challenge
from grader.errors import JudgeFault
from grader.events import desk
from grader.events.desk import Terms
from grader.events.folder import EventFolder, read_rules
from grader.events.paging import Paging
from grader.events.running import Plan, Run
from grader.events.waiting import Queue
from grader.grading import Attempt
from grader.submission import Submission
from leaderboard.score import Score
from leaderboard.store import Store


def drop(event: EventFolder, place: str, text: str = "x = 1\n") -> None:
    """Hand in a file."""
    path = event.inbox / place
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


def closing(event: EventFolder, moment: datetime) -> None:
    """Change the end of the event."""
    text = event.rules.read_text("utf-8")
    lines = [line for line in text.splitlines() if "closes =" not in line]
    event.rules.write_text("\n".join([f"closes = {moment.isoformat()}", *lines]), "utf-8")


class Whole:
    """A run in this thread, with a hook for what happens at each verdict."""

    def __init__(
        self,
        event: EventFolder,
        mini: Challenge,
        **plan: bool,
    ) -> None:
        self.voice = Quiet()
        self.halt = threading.Event()
        self.run = Run(
            event,
            read_rules(event, [mini]),
            Plan([mini], quiet_s=0, look_every_s=0.02, **plan),
            Terms("cpu", lambda one: one.limits),
            Grader(),
            Paging(None, self.voice.say),
            self.voice,
        )

    def at_verdict(self, number: int, do: Callable[[], None]) -> None:
        """Do something when there are so many verdicts."""
        honest = self.voice.verdict

        def verdict(*arguments: object) -> None:
            honest(*arguments)  # type: ignore[arg-type]
            if len(self.voice.verdicts) == number:
                do()

        self.voice.verdict = verdict  # type: ignore[method-assign]


def command(event: EventFolder, mini: Challenge, *more: str) -> list[str]:
    """A run of the event in a process of its own, with files taken at once."""
    words = ["event", "run", str(event.path), "--quiet", "0", "--challenge", str(mini.folder)]
    return [sys.executable, "-m", "grader", *words, *more]


def teams(event: EventFolder) -> list[str]:
    """Whose scores there are."""
    return sorted(score.team for score in Store(event.scores).read()[0])


def test_with_until_closed_what_comes_later_is_not_taken(
    event: EventFolder, mini: Challenge
) -> None:
    """The run ends by itself, nothing of what came after the end has a score, and it is not lost either."""
    closing(event, datetime.now(UTC) - timedelta(seconds=1))
    drop(event, "red/90.py")
    Whole(event, mini, until_closed=True).run.run(threading.Event())
    assert teams(event) == []
    run_once(event, mini, Grader())

    assert teams(event) == ["red"]


def test_with_until_closed_what_came_before_has_its_score(
    event: EventFolder, mini: Challenge
) -> None:
    """The run goes on until the end of the event, and ends when all that came before is graded."""
    closes = datetime.now(UTC) + timedelta(seconds=1)
    closing(event, closes)
    drop(event, "red/90.py")
    Whole(event, mini, until_closed=True).run.run(threading.Event())

    assert teams(event) == ["red"]
    assert datetime.now(UTC) >= closes


def test_rules_that_change_are_read_again(event: EventFolder, mini: Challenge) -> None:
    """A team that comes late is on the roster at once; rules that are broken leave those from before."""
    whole = Whole(event, mini)
    rules = event.rules.read_text("utf-8")
    drop(event, "red/90.py")

    def broken() -> None:
        event.rules.write_text("nonsense", "utf-8")
        drop(event, "Blue-Whales/90.py")

    def mended() -> None:
        event.rules.write_text(f'{rules}\n[[teams]]\nname = "Late Ones"\n', "utf-8")
        drop(event, "Late-Ones/90.py")

    whole.at_verdict(1, broken)
    whole.at_verdict(2, mended)
    whole.at_verdict(3, whole.halt.set)
    whole.run.run(whole.halt)

    assert teams(event) == ["Blue Whales", "Late Ones", "red"]
    assert len([text for text in whole.voice.said if "The rules from before hold" in text]) == 1
    assert len([text for text in whole.voice.said if "was read again" in text]) == 1


class Faulty(Grader):
    """Fails by our fault so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.left = times

    def begin(self, submission: Submission, attempt: Attempt) -> Future[Score]:
        """A fault or a record."""
        if self.left == 0:
            return super().begin(submission, attempt)
        self.left -= 1
        future: Future[Score] = Future()
        future.set_exception(JudgeFault("The judge has lost its way."))
        return future


@pytest.mark.parametrize("times", [1, 2, 3])
def test_our_fault_is_tried_again_and_nobodys_attempt(
    times: int, event: EventFolder, mini: Challenge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault that passes costs a while; one that stays leaves the hand-in in the queue."""
    monkeypatch.setattr(desk, "REST_S", 0.01)
    drop(event, "red/90.py")
    voice = Quiet()
    run = run_once(event, mini, Faulty(times), voice)
    hopeless = times == desk.HOPELESS

    assert run.desk.faults == hopeless
    assert len(Queue(event.queue, event.graded).read()[0]) == hopeless
    assert teams(event) == ([] if hopeless else ["red"])
    assert len([text for text in voice.said if "by no fault of theirs" in text]) == times
    run_once(event, mini, Grader())
    assert teams(event) == ["red"]


def test_the_page_is_built_after_the_last_score(event: EventFolder, mini: Challenge) -> None:
    """Builds never overlap, one that fails is told once and ends nothing, and the last one sees all."""
    seen: list[int] = []
    voice, lock = Quiet(), threading.Lock()

    def build() -> None:
        assert lock.acquire(blocking=False)
        seen.append(len(Store(event.scores).read()[0]))
        lock.release()
        raise ValueError("no ink")

    paging = Paging(build, voice.say)
    for number in range(20):
        drop(event, f"red/90_{number}.py", f"x = {number}\n")
    plan = Plan([mini], once=True, quiet_s=0, look_every_s=0)
    rules, terms = read_rules(event, [mini]), Terms("cpu", lambda one: one.limits)
    Run(event, rules, plan, terms, Grader(), paging, voice).run(threading.Event())

    assert seen[-1] == 20
    assert [text for text in voice.said if "no ink" in text] == ["The page was not built: no ink"]


def test_what_changed_last_is_always_built() -> None:
    """Whenever the end comes, also in the pause after a build, one build begins after the last change."""
    changes, built = 0, 0

    def build() -> None:
        nonlocal built
        built = changes

    for _ in range(300):
        paging = Paging(build, print)
        for _ in range(3):
            changes += 1
            paging.changed()
        paging.close()
        assert built == changes


@pytest.mark.skipif(os.name != "posix", reason="sends signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_in_order(
    number: int, event: EventFolder, mini: Challenge, tmp_path: Path
) -> None:
    """The standings are shown, the lock is gone, and the exit code is that of an event without a fault."""
    drop(event, "red/90.py", "")
    with subprocess.Popen(
        command(event, mini),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=never_lost.environment(),
    ) as run:
        assert run.stdout is not None
        # An empty file needs no grading: this is its verdict.
        line = run.stdout.readline()
        run.send_signal(number)
        rest = run.stdout.read()

    assert (run.returncode, line.split()[1:]) == (0, ["red", "90", "ungradable"])
    assert "Day" in rest
    assert "ungradable" in rest
    assert not (event.path / ".running").exists()


def test_a_verdict_that_nobody_reads_ends_nothing(event: EventFolder, mini: Challenge) -> None:
    """Where standard output is closed, the event goes on."""
    for team in ("red", "Blue-Whales"):
        drop(event, f"{team}/90.py", "")
    run = subprocess.Popen(
        command(event, mini, "--once"),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=never_lost.environment(),
    )
    assert run.stdout is not None
    run.stdout.close()
    run.wait()

    assert teams(event) == ["Blue Whales", "red"]


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no text")
def test_names_from_strangers_are_shown_and_stored(event: EventFolder, mini: Challenge) -> None:
    """A file or guest whose name is no text, or moves the cursor, has its record, and no line is torn."""
    names = [b"90_\xff.py", b"90_\x1b[2J.py", b"90_\n.py", "90_\u202e.py".encode()]
    for team in (b"red", b"gu\xe9st", b"gu\nest", b"\x1b[31m"):
        folder = os.fsencode(event.inbox) + b"/" + team
        Path(os.fsdecode(folder)).mkdir(exist_ok=True)
        for name in names:
            Path(os.fsdecode(folder + b"/" + name)).write_text("")
    done = subprocess.run(
        command(event, mini, "--once"),
        capture_output=True,
        env=never_lost.environment(),
        check=False,
    )
    scores, problems = Store(event.scores).read()
    said = (done.stdout + done.stderr).decode("utf-8")

    assert (done.returncode, problems) == (0, [])
    assert len(scores) == 16
    assert not any(sign in said for sign in ("\x1b", "\u202e", "Traceback"))
    verdicts = [line for line in said.splitlines() if "90  ungradable" in line]
    assert len(verdicts) == 16
    # And all of them are known again.
    again = Grader()
    run_once(event, mini, again)
    assert len(Store(event.scores).read()[0]) == 16
    for name in names:
        (event.inbox / "red" / os.fsdecode(name)).write_text(f"x = {name!r}\n")
    run_once(event, mini, again)
    assert len(Store(event.scores).read()[0]) == 20
