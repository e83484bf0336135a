"""What one team could do to an event, and what becomes of the others: nothing."""

from __future__ import annotations

import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner
from test_arrivals import Clone, Desk, packed, posix, rules, with_git
from test_running import Whole
from test_waiting import Grader, run_once

from grader import event_command
from grader.challenge import Challenge
from grader.cli import main
from grader.events import inbox as inboxes
from grader.events import pushes as branches
from grader.events.clock import Clock
from grader.events.first_seen import FirstSeen
from grader.events.folder import EventFolder, Rules, read_rules
from grader.events.inbox import Inbox
from grader.events.waiting import Queue
from grader.events.writing_out import write_out
from grader.git_objects import Repository
from leaderboard.store import Store

__all__ = ["rules"]
# Their hashes agree in the twelve digits that names have.
ALIKE = [b"raise SystemExit(1)  # 13383854\n", b"raise SystemExit(1)  # 18843644\n"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("/".join(["d" * 240] * 18) + "/x.py", "longer than a name may be"),
        ("submission.py/x.py", "submission.py is a folder in it"),
        ("\x01" * 100 + ".py", "too long with its codes"),
    ],
)
def test_an_archive_that_no_disk_takes_is_an_attempt(
    name: str, told: str, event: EventFolder, rules: Rules
) -> None:
    """It cannot be graded, by no fault of ours, and nobody waits for it."""
    data = packed({"04_causal_attention.py": b"x = 1\n", name: b"x = 1\n"})
    (event.inbox / "red" / "04.zip").write_bytes(data)
    (event.inbox / "Blue-Whales" / "04.py").write_text("x = 1")
    found = {team: problem for team, _, problem in Desk(event, rules).look()}

    assert found["Blue Whales"] == ""
    assert told in found["red"]


@with_git
def test_a_branch_that_holds_the_end_of_a_line_is_one_branch(
    event: EventFolder, tmp_path: Path
) -> None:
    """What Unicode takes for the end of a line does not make another team's branch of it."""
    clone = Clone(event, tmp_path / "clone")
    clone.push("red")
    honest = Repository(event.repository).branches()
    clone.push("red\u2028x")
    clone.push("red\x85x")
    found = Repository(event.repository).branches()

    assert set(found) == {"red", "red\u2028x", "red\x85x"}
    assert found["red"] == honest["red"]


@posix
def test_a_folder_whose_name_is_blank_is_no_team(event: EventFolder, rules: Rules) -> None:
    """A record needs a team, and so does a line of a manifest."""
    (event.inbox / "\u3000").mkdir()
    (event.inbox / "\u3000" / "04.py").write_text("x = 1")
    desk = Desk(event, rules)

    assert desk.look() == []
    assert any("no name that a team could have" in text for text in desk.said)


def test_each_hand_in_of_an_archive_has_an_id_of_its_own(event: EventFolder, rules: Rules) -> None:
    """Also those that cannot be read, which have no bytes to tell them apart."""
    files = {"04_a.py": b"\xff", "04_b.py": b"\0", "04_c.py": b"", "04_d.py": b"x = 1\n"}
    (event.inbox / "red" / "all.zip").write_bytes(packed(files))
    desk = Desk(event, rules)
    desk.intake.look(rules)
    ids = [one.id for one in iter(desk.turns.next, None)]

    assert len(ids) == len(set(ids)) == 4


def test_hand_ins_that_are_called_alike_are_all_written(
    event: EventFolder, mini: Challenge, tmp_path: Path
) -> None:
    """Whoever makes two files whose names would be one keeps both, and has used two attempts."""
    data = packed({"90_a.py": ALIKE[0], "90_b.py": ALIKE[1]})
    (event.inbox / "red" / "both.zip").write_bytes(data)
    run_once(event, mini, Grader())
    write_out(event, read_rules(event, [mini]), tmp_path / "out")
    found = sorted(path.read_bytes() for path in (tmp_path / "out").rglob("*.py"))

    assert found == sorted(ALIKE)
    assert len({one.id for one in Store(event.scores).read()[0]}) == 2


def test_a_flood_of_folders_hides_no_team(
    event: EventFolder, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of the roster are looked at first, however many others there are."""
    monkeypatch.setattr(inboxes, "MOST_TEAMS", 2)
    for name in ("a", "b", "c", "d"):
        (event.inbox / name).mkdir()
    for name in ("red", "Blue-Whales"):
        (event.inbox / name / "04.py").write_text("x = 1")

    assert {team for team, _, _ in Desk(event, rules).look()} == {"red", "Blue Whales"}


@with_git
def test_a_flood_of_branches_hides_no_team(
    event: EventFolder, rules: Rules, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As for folders."""
    monkeypatch.setattr(branches, "MOST_BRANCHES", 1)
    clone = Clone(event, tmp_path / "clone")
    (clone.path / "04_causal_attention.py").write_text("x = 1")
    for name in ("a", "b", "red"):
        clone.push(name)

    assert "red" in {team for team, _, _ in Desk(event, rules).look()}


def test_what_was_seen_before_a_kill_keeps_its_time(event: EventFolder, tmp_path: Path) -> None:
    """Seen, not taken, and the run is killed: the next one knows when it came, also after other looks."""
    memory = tmp_path / "seen.json"
    first = Inbox(event.inbox, Clock(None, FirstSeen(memory).when), 60.0, print)
    first.look()
    (event.inbox / "red" / "04.py").write_text("x = 1")
    first.look()
    FirstSeen(memory).keep(first.waiting())
    (came,) = first.waiting().values()
    later = datetime.now(UTC) + timedelta(seconds=5)
    second = Inbox(event.inbox, Clock(later, FirstSeen(memory).when), 0.0, print)

    assert [one.arrived for one in second.look()] == [came]
    memory.write_text("nonsense")
    third = Inbox(event.inbox, Clock(later, FirstSeen(memory).when), 0.0, print)
    assert [one.arrived > came for one in third.look()] == [True]


def test_a_file_that_changes_all_the_time_keeps_no_run_from_its_end(
    event: EventFolder, mini: Challenge, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--once` is about what was there when it began."""
    path = event.inbox / "red" / "90.py"
    path.write_text("x = 1")
    honest, ticks, late = Inbox.look, iter(range(1, 10**6)), list[str]()

    def look(inbox: Inbox, first: tuple[str, ...] = ()) -> object:
        os.utime(path, (0, next(ticks)))
        return honest(inbox, first)

    monkeypatch.setattr(Inbox, "look", look)
    whole = Whole(event, mini, once=True)
    monkeypatch.setattr(whole.run._intake._inbox, "_quiet_s", 60.0)
    halt = threading.Event()
    deadline = threading.Timer(30, lambda: (late.append("late"), halt.set()))
    deadline.start()
    whole.run.run(halt)
    deadline.cancel()

    assert late == []


def test_folders_that_somebody_removes_are_made_again(event: EventFolder, mini: Challenge) -> None:
    """Neither a missing queue nor a missing place for what is graded loses a hand-in or stops the run."""
    (event.inbox / "red" / "90.py").write_text("x = 1")
    whole = Whole(event, mini, once=True)
    event.queue.rmdir()
    event.graded.rmdir()
    whole.run.run(threading.Event())

    assert len(Store(event.scores).read()[0]) == 1
    assert len(list(Queue(event.queue, event.graded).graded())) == 1


def test_a_second_ctrl_c_says_what_is_true(
    event: EventFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of an event everything that has a score is saved, and the others wait."""

    def interrupted(*arguments: object, **options: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(event_command, "_run", interrupted)
    result = CliRunner().invoke(main, ["event", "run", str(event.path)])

    assert result.exit_code == 130
    assert "Nothing is lost" in result.stderr
