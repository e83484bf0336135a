"""A batch records each score at once, keeps few hand-ins in memory, and stops in order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from grader.batch import (
    AHEAD,
    Conditions,
    Event,
    Faulted,
    Recorded,
    cores,
    lender,
    run,
    slots,
    threads,
)
from grader.challenge import Challenge, find
from grader.entries import Entry
from grader.errors import GraderFault, GradingStopped, UsageError
from grader.grading import Attempt, build_score
from grader.planning import HandIn, Plan, Records, plan, read
from grader.submission import Submission
from grader.supervising import Follower, Outcome
from grader.verdict import Verdict
from grader.walls import PlainProcess, Wall
from leaderboard.errors import StoreWriteError
from leaderboard.score import Score, score_id
from leaderboard.store import Store

BEGAN = datetime(2026, 11, 23, 12, tzinfo=UTC)
SEED = "0123456789abcdef"


class FakePool:
    """Grades at once and without a process: what a hand-in says in its first line is its status.

    "waits" has no score before the grading is stopped; "stumbles" raises a fault of ours.
    """

    def __init__(self, size: int, wall: Wall) -> None:
        self.closed = False
        self.waiting = self.most = 0
        self.graded: list[Submission] = []

    def submit(
        self, submission: Submission, attempt: Attempt, follower: Follower | None = None
    ) -> Future[Score]:
        """Grade a hand-in, in a thread of its own."""
        assert not self.closed
        future: Future[Score] = Future()
        future.set_running_or_notify_cancel()
        self.waiting += 1
        self.most = max(self.most, self.waiting)
        self.graded.append(submission)
        threading.Thread(target=self._grade, args=(future, submission, attempt, follower)).start()
        return future

    def close(self) -> None:
        """Nothing runs."""
        self.closed = True

    def _grade(
        self, future: Future[Score], submission: Submission, attempt: Attempt, follower: Follower
    ) -> None:
        (data,) = submission.files.values()
        word = data.decode().partition("\n")[0].lstrip("# ")
        while word == "waits" and not follower.stopped():
            pass
        self.waiting -= 1
        if word == "waits":
            future.set_exception(GradingStopped("stopped"))
        elif word == "stumbles":
            future.set_exception(GraderFault("The disk is full."))
        else:
            future.set_result(faked(submission, attempt, word))


def faked(submission: Submission, attempt: Attempt, status: str) -> Score:
    """A score of this status, without specs."""
    verdict = Verdict(status, f"It is {status}.", [], None, "", "")  # type: ignore[arg-type]
    outcome = Outcome([verdict], "", (), 1.0, 1.0, 1.0)
    return build_score(attempt, submission, outcome, attempt.seed or SEED, "weak")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store that does not exist yet."""
    return Store(tmp_path / "store")


Make = Callable[..., HandIn]


@pytest.fixture
def make(mini: Challenge, tmp_path: Path) -> Make:
    """Makes a hand-in of this content."""

    def made(team: str, text: str, name: str = "90.py", moment: datetime | None = None) -> HandIn:
        path = tmp_path / team / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return read(Entry(team, mini, str(path), f"{team}/{name}", moment))

    return made


def conditions(mini: Challenge, count: int = 1, seed: str | None = None) -> Conditions:
    """Conditions behind a wall that the fake does not use."""
    return Conditions(count, "cpu", seed, {mini.id: mini.limits}, PlainProcess(), BEGAN)


def planned(*hand_ins: HandIn) -> Plan:
    """A plan for these hand-ins, nothing of them done."""
    return plan(hand_ins, (), Records(hand_ins, ()), "new")


class Ran(msgspec.Struct):
    """What came of a run."""

    events: list[Event]
    pool: FakePool


def ran(made: Plan, under: Conditions, store: Store, halt_after: int | None = None) -> Ran:
    """Run a plan with the fake; after so many events the batch is halted."""
    pools: list[FakePool] = []

    def make_pool(size: int, wall: Wall) -> FakePool:
        pools.append(FakePool(size, wall))
        return pools[-1]

    halt, events = threading.Event(), []
    for event in run(made, under, store, halt, make_pool):
        events.append(event)
        if len(events) == halt_after:
            halt.set()
    return Ran(events, pools[-1] if pools else FakePool(1, PlainProcess()))


def test_each_score_is_in_the_store_when_it_is_told(
    mini: Challenge, store: Store, make: Make
) -> None:
    """Whoever hears of a score finds it in the store."""
    made = planned(make("ada", "# crashed"), make("bob", "# timeout"))
    for number, event in enumerate(run(made, conditions(mini), store, threading.Event(), FakePool)):
        assert isinstance(event, Recorded)
        assert event.score in store.read()[0]
        assert len(store.read()[0]) == number + 1


def test_equal_hand_ins_are_graded_once_and_recorded_for_each(
    mini: Challenge, store: Store, make: Make
) -> None:
    """Each team gets a record of its own: team, name, time and id are its own, the rest is the same."""
    later = BEGAN + timedelta(hours=1)
    hand_ins = make("ada", "# crashed"), make("bob", "# crashed", "mine.py", later)
    result = ran(planned(*hand_ins), conditions(mini), store)
    scores = [event.score for event in result.events if isinstance(event, Recorded)]
    own = [(one.team, one.submission.name, one.submitted_at, one.id) for one in scores]

    assert len(result.pool.graded) == 1
    assert sorted(store.read()[0], key=lambda one: one.team) == scores
    assert own == [
        ("ada", "90.py", BEGAN, score_id("90", BEGAN, hand_ins[0].sha256)),
        ("bob", "mine.py", later, score_id("90", later, hand_ins[0].sha256)),
    ]
    assert [event.way for event in result.events if isinstance(event, Recorded)] == [
        "graded",
        "shared",
    ]
    assert (scores[0].seed, scores[0].graded_at) == (scores[1].seed, scores[1].graded_at)


def test_a_file_goes_by_the_name_of_the_stub(mini: Challenge, store: Store, make: Make) -> None:
    """No team reads in its messages how another one has called the same file."""
    result = ran(planned(make("ada", "# crashed", "adas_secret.py")), conditions(mini), store)

    assert list(result.pool.graded[0].files) == ["90_mini.py"]
    assert store.read()[0][0].submission.name == "adas_secret.py"


@pytest.mark.parametrize("count", [1, 3])
def test_few_hand_ins_are_in_memory(count: int, mini: Challenge, store: Store, make: Make) -> None:
    """However long the plan is, only some hand-ins for each slot are read ahead."""
    made = planned(*[make(f"team {number}", f"# crashed\n{number}") for number in range(20)])
    result = ran(made, conditions(mini, count), store)

    assert len(result.events) == 20
    assert result.pool.most <= AHEAD * count


def test_what_could_not_be_read_is_recorded_without_a_slot(
    mini: Challenge, store: Store, make: Make
) -> None:
    """It is `ungradable`, with the reason that the user can follow, and no pool is started for it."""
    result = ran(planned(make("ada", " ")), conditions(mini), store)
    (score,) = store.read()[0]

    assert (score.status, score.walls, result.pool.graded) == ("ungradable", "none", [])
    assert "90.py is empty" in score.message
    assert str(store.path.parent) not in score.message


@pytest.mark.parametrize("word", ["stumbles", "grader_fault"])
def test_our_fault_is_no_record_and_stops_nobody(
    word: str, mini: Challenge, store: Store, make: Make
) -> None:
    """A fault is told, with all whom it concerns; the others are graded; nothing is stored for it."""
    hand_ins = make("ada", f"# {word}"), make("bob", f"# {word}"), make("eve", "# crashed")
    result = ran(planned(*hand_ins), conditions(mini), store)
    faults = [event for event in result.events if isinstance(event, Faulted)]

    assert [len(fault.job.hand_ins) for fault in faults] == [2]
    assert faults[0].message
    assert [score.team for score in store.read()[0]] == ["eve"]


def test_a_halted_batch_keeps_what_it_has(mini: Challenge, store: Store, make: Make) -> None:
    """Once halted, running gradings end without a score, and no other begins."""
    first = make("ada", "# crashed")
    others = [make(f"late {number}", f"# waits\n{number}") for number in range(9)]
    result = ran(planned(first, *others), conditions(mini), store, halt_after=1)

    assert [score.team for score in store.read()[0]] == ["ada"]
    assert len(result.events) == 1
    assert len(result.pool.graded) <= 1 + AHEAD
    assert result.pool.closed


def test_a_file_that_changes_meanwhile_is_no_score(
    mini: Challenge, store: Store, make: Make
) -> None:
    """A score is of the bytes that were planned; another team's same bytes will do."""
    changed, same, lost = (
        make("ada", "# crashed"),
        make("bob", "# crashed"),
        make("eve", "# timeout"),
    )
    made = planned(changed, same, lost)
    Path(changed.entry.path).write_text("# violation")
    Path(lost.entry.path).unlink()
    result = ran(made, conditions(mini), store)

    assert {(one.team, one.status) for one in store.read()[0]} == {
        ("ada", "crashed"),
        ("bob", "crashed"),
    }
    assert [event.message for event in result.events if isinstance(event, Faulted)] == [
        "It has changed since the batch began. Run again with --resume."
    ]


def test_a_store_that_takes_nothing_ends_the_batch(
    mini: Challenge, tmp_path: Path, make: Make
) -> None:
    """Grading on would lose one score after the other."""
    (tmp_path / "store").write_text("a file")
    pools: list[FakePool] = []

    def make_pool(size: int, wall: Wall) -> FakePool:
        pools.append(FakePool(size, wall))
        return pools[-1]

    made = planned(*[make(f"team {number}", f"# crashed\n{number}") for number in range(9)])
    with pytest.raises(StoreWriteError):
        list(run(made, conditions(mini), Store(tmp_path / "store"), threading.Event(), make_pool))
    assert pools[0].closed
    assert len(pools[0].graded) <= AHEAD


def test_a_score_is_lent_to_the_next_team(mini: Challenge, store: Store, make: Make) -> None:
    """A resumed batch copies what was graded for the same bytes under the same terms."""
    ada = make("ada", "# crashed")
    ran(planned(ada), conditions(mini), store)
    bob, later = (
        make("bob", "# crashed"),
        msgspec.structs.replace(conditions(mini), began=BEGAN + timedelta(1)),
    )
    ours = [ada, bob]
    known = Records(ours, store.read_stored()[0])
    made = plan(ours, (), known, "resume", lambda c, files: lender(later.terms, c, files))
    result = ran(made, later, store)
    (event,) = result.events
    assert isinstance(event, Recorded)

    assert (event.way, event.score.team, event.score.submitted_at) == ("lent", "bob", later.began)
    assert result.pool.graded == []
    strict = msgspec.structs.replace(later, seed="1f")
    assert lender(strict.terms, mini, [made.jobs[0].lent or ""]) is None


def test_a_lent_score_that_is_gone_is_our_fault(mini: Challenge, store: Store, make: Make) -> None:
    """A record that vanishes between plan and run is told, and nothing is made up."""
    made = planned(make("ada", "# crashed"))
    job = msgspec.structs.replace(made.jobs[0], lent="/nowhere.json")
    result = ran(msgspec.structs.replace(made, jobs=(job,)), conditions(mini), store)

    assert [type(event) for event in result.events] == [Faulted]
    assert store.read() == ([], [])


# Slots and threads.


def test_slots_and_cores() -> None:
    """As many as asked for, never more than cores; `auto` leaves every challenge its threads."""
    attention, gpt = find("04"), find("05")

    assert [slots(None, [attention], 8), slots(None, [attention, gpt], 8)] == [8, 4]
    assert [slots(None, [gpt], 1), slots(None, [], 4), slots(3, [gpt], 4)] == [1, 4, 3]
    assert cores() >= 1
    with pytest.raises(UsageError, match=r"-j 5 .* 4 cores"):
        slots(5, [attention], 4)


@pytest.mark.parametrize(
    ("own", "count", "available", "given"), [(1, 4, 4, 1), (2, 2, 4, 2), (2, 3, 4, 1), (4, 1, 2, 2)]
)
def test_threads_are_shared_fairly(own: int, count: int, available: int, given: int) -> None:
    """A slot has its part of the cores, no more than the challenge asks for, and one at least."""
    limits = msgspec.structs.replace(find("04").limits, threads=own)

    assert threads(limits, count, available).threads == given


def test_what_a_task_carries_survives_the_way(mini: Challenge) -> None:
    """Hand-in, limits and score are the same again on another machine, as messages without code."""
    submission = Submission.of("mine.py", {"mine.py": "x = 'é'\n".encode(), "more.py": b"y = 2\n"})
    score = faked(submission, Attempt(mini, "東京"), "crashed")

    for one in (submission, mini.limits, score):
        data = msgspec.msgpack.encode(one)
        assert msgspec.msgpack.decode(data, type=type(one)) == one
