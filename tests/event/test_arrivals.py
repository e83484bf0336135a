"""What was handed in is found: whose it is, when it came, what is in it, and whose turn it is."""

from __future__ import annotations

import io
import itertools
import os
import shutil
import subprocess
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from needs import absent
from test_waiting import arrival

from grader import submission as submissions
from grader.challenge import Challenge
from grader.errors import HandInError
from grader.events.arriving import NotTakenError, from_file
from grader.events.clock import Clock
from grader.events.folder import EventFolder, Rules, read_rules
from grader.events.inbox import MOST_FILES, Dropped, Inbox
from grader.events.intake import Intake
from grader.events.pushes import Pushes
from grader.events.roster import Roster, handle
from grader.events.taking_turns import MOST_OF_A_TEAM, Turns
from grader.events.waiting import Arrival, Queue
from grader.submission import Submission

NOW = datetime(2026, 11, 28, 10, tzinfo=UTC)
posix = pytest.mark.skipif(
    os.name != "posix", reason="links, pipes and the time of the last change"
)
with_git = pytest.mark.skipif(absent("git"), reason="pushes with git")


# Teams.


@pytest.mark.parametrize(
    ("team", "expected"),
    [
        ("red", "red"),
        ("Blue Whales", "Blue-Whales"),
        ("équipe 7", "équipe-7"),
        ("東京", "東京"),
        ("a/b", "a-b"),
        ("e\u0301quipe", "équipe"),
        ("x.lock", "x-lock"),
        ("..", "2E-2E"),
        ("con", "63on"),
        ("***", "2A-2A-2A"),
    ],
)
def test_a_team_has_a_name_for_folders_and_branches(team: str, expected: str) -> None:
    """Spaces and signs become dashes; what is special to a system or to git is changed."""
    assert handle(team) == expected


@with_git
@given(team=st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60))
def test_git_takes_every_name(team: str) -> None:
    """Whatever a team is called, `git check-ref-format` takes its branch, and the name is one folder's."""
    short = handle(team)
    command = ["git", "check-ref-format", f"refs/heads/{short}"]

    assert subprocess.run(command, check=False).returncode == 0, short
    assert "/" not in short
    assert not short.startswith((".", "-"))
    assert len(short.encode()) <= 120


def test_folders_are_known_by_handle_and_by_name() -> None:
    """Of a folder or branch that nobody on the roster has, a guest is the team."""
    roster = Roster(["red", "Blue Whales"])

    assert roster.team("Blue-Whales") == roster.team("Blue Whales") == "Blue Whales"
    assert (roster.team("eve"), roster.lists("eve")) == ("eve", False)
    assert Roster([]).lists("eve")
    assert Roster(["a b", "A-B", "c"]).clashes() == [["a b", "A-B"]]


# The clock.


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=30))
def test_times_of_arrival_only_go_up(steps: list[int]) -> None:
    """Whatever the machine's clock does, each arrival is later than the one before."""
    moments = [NOW]
    for step in steps:
        moments.append(moments[-1] + timedelta(seconds=step))
    ticks = iter(moments)
    clock = Clock(None, now=lambda: next(ticks))
    given_out = [clock.now() for _ in moments]

    assert all(one < later for one, later in itertools.pairwise(given_out))


@posix
def test_what_came_in_a_pause_has_the_time_of_its_last_change(tmp_path: Path) -> None:
    """Not what the file claims, not before the last look, not after now, and never twice the same."""
    (tmp_path / "x").touch()
    os.utime(tmp_path / "x", (0, 0))
    status = (tmp_path / "x").stat()
    changed = datetime.fromtimestamp(status.st_ctime, UTC)
    hour = timedelta(hours=1)

    def clock(last: datetime | None, now: datetime) -> Clock:
        return Clock(last, now=lambda: now)

    assert clock(changed - hour, changed + hour).came_in_a_pause("x", status) == changed
    assert clock(None, changed + hour).came_in_a_pause("x", status) == changed
    assert (
        clock(changed + hour / 2, changed + hour).came_in_a_pause("x", status) == changed + hour / 2
    )
    assert clock(None, changed - hour).came_in_a_pause("x", status) == changed - hour
    twice = clock(None, changed + hour)
    assert twice.came_in_a_pause("x", status) != twice.came_in_a_pause("x", status)


# Turns.


@given(st.lists(st.tuples(st.sampled_from("abcXYZ"), st.booleans()), max_size=60))
def test_turns_are_fair_and_lose_nothing(steps: list[tuple[str, bool]]) -> None:
    """Each comes out once, in its team's order; between two turns of a team, all that waited had one."""
    turns, waiting, number = Turns(), Counter[str](), 0
    came: list[Arrival] = []
    for team, takes in steps:
        guest = team.isupper()
        turns.add(arrival(number, team), guest)
        waiting["guests" if guest else team] += 1
        number += 1
        if takes:
            taken = turns.next()
            assert taken is not None
            came.append(taken)
    came += iter(turns.next, None)

    assert len(came) == number
    for team in set("abc"):
        times = [one.arrived for one in came if one.team == team]
        assert times == sorted(times)


def test_who_floods_waits_behind_itself() -> None:
    """A team with one hand-in comes after one of the flood; all guests together have one turn."""
    turns = Turns()
    for number in range(10):
        turns.add(arrival(number, "flood"), guest=False)
        turns.add(arrival(number, f"guest {number}"), guest=True)
    turns.add(arrival(99, "late"), guest=False)
    order = [one.team for one in iter(turns.next, None)]

    assert order[:6] == ["flood", "guest 0", "late", "flood", "guest 1", "flood"]


def test_only_so_many_of_a_team_wait() -> None:
    """What is more stays where it is until there is room."""
    turns = Turns()
    for number in range(MOST_OF_A_TEAM):
        turns.add(arrival(number, "flood"), guest=False)

    assert not turns.has_room("flood", guest=False)
    assert turns.has_room("red", guest=False)
    turns.next()
    assert turns.has_room("flood", guest=False)


# The shared folder.


class Looks:
    """An inbox with a clock that moves by hand."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "red").mkdir(parents=True)
        self.seconds = 0.0
        self.said: list[str] = []
        clock = Clock(NOW - timedelta(days=9999))
        self.inbox = Inbox(folder, clock, 2.0, self.said.append, lambda: self.seconds)

    def after(self, seconds: float) -> list[str]:
        """The names of what has settled so many seconds later; they are taken."""
        self.seconds += seconds
        found = self.inbox.look()
        for one in found:
            self.inbox.took(one)
        return [one.name for one in found]


@pytest.fixture
def looks(tmp_path: Path) -> Looks:
    """An inbox with one team."""
    return Looks(tmp_path / "inbox")


def test_a_file_is_taken_when_it_has_settled(looks: Looks) -> None:
    """Half-written it waits; each version is taken once; touched or replaced it is looked at again."""
    file = looks.folder / "red" / "04.py"
    file.write_text("x")
    assert looks.after(0) == []
    file.write_text("xy")
    assert looks.after(1.9) == []
    assert looks.after(1.9) == []
    assert looks.after(0.1) == ["04.py"]
    assert looks.after(9) == []
    (looks.folder / "red" / ".new").write_text("z")
    (looks.folder / "red" / ".new").replace(file)
    assert looks.after(0) == []
    assert looks.after(2) == ["04.py"]


def test_what_vanishes_was_never_there(looks: Looks) -> None:
    """A file that goes before it has settled is forgotten, and so is a team's whole folder."""
    (looks.folder / "red" / "04.py").write_text("x")
    looks.after(0)
    (looks.folder / "red" / "04.py").unlink()
    assert looks.after(3) == []
    assert not looks.inbox.restless()
    shutil.rmtree(looks.folder)
    assert looks.after(3) == []


@posix
def test_links_pipes_and_devices_are_not_opened(looks: Looks, tmp_path: Path) -> None:
    """What is no plain file is a hand-in that cannot be graded, and nothing waits for it."""
    red = looks.folder / "red"
    (tmp_path / "secret.py").write_text("SECRET = 1")
    (red / "01.py").symlink_to(tmp_path / "secret.py")
    os.mkfifo(red / "04.py")

    for name, words in (("01.py", "symbolic link"), ("04.py", "not a regular file")):
        with pytest.raises(HandInError, match=words):
            looks.inbox.read(Dropped("red", name, NOW, False))


@posix
def test_a_link_put_in_place_while_it_is_read_is_not_followed(
    looks: Looks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the look at a file and its opening nobody can slip in another, nor another folder."""
    (tmp_path / "secret.py").write_text("SECRET = 1")
    file = looks.folder / "red" / "04.py"
    file.write_text("x = 1")
    honest = os.stat

    def swapped(path: str, **named: object) -> os.stat_result:
        status = honest(path, **named)  # type: ignore[arg-type]
        file.unlink()
        file.symlink_to(tmp_path / "secret.py")
        return status

    monkeypatch.setattr(os, "stat", swapped)
    with pytest.raises(OSError, match=r"symbolic links|loop"):
        looks.inbox.read(Dropped("red", "04.py", NOW, False))
    monkeypatch.undo()
    shutil.rmtree(looks.folder / "red")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "04.py").write_text("SECRET = 1")
    (looks.folder / "red").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"Not a directory|symbolic links|loop"):
        looks.inbox.read(Dropped("red", "04.py", NOW, False))
    assert looks.after(3) == []


def test_of_a_flood_so_many_names_are_looked_at(looks: Looks) -> None:
    """Thousands of files cost a bounded look, and are told of once."""
    for number in range(MOST_FILES + 50):
        (looks.folder / "red" / f"04_{number}.py").write_text("x")
    looks.after(0)

    assert len(looks.after(3)) == MOST_FILES
    assert len([text for text in looks.said if "holds more than" in text]) == 1


# From files to hand-ins.


def packed(files: dict[str, bytes]) -> bytes:
    """A zip of these files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


@pytest.fixture
def rules(event: EventFolder, mini: Challenge) -> Rules:
    """Those of the small event."""
    return read_rules(event, [mini])


def named(name: str, data: bytes | HandInError, rules: Rules) -> list[Arrival]:
    """The hand-ins in a file of this name."""
    return from_file(Dropped("Blue-Whales", name, NOW, False), data, rules)


def test_a_file_is_a_hand_in_of_its_team(rules: Rules) -> None:
    """The name of the folder tells the team, that of the file the challenge."""
    (one,) = named("04 (1).py", b"x = 1", rules)

    assert (one.team, one.challenge, one.problem) == ("Blue Whales", "04", "")
    assert one.submission.files == {"04 (1).py": b"x = 1"}


def test_what_cannot_be_read_is_a_hand_in_with_a_problem(rules: Rules) -> None:
    """Too large, no text, empty, or no plain file: there is a record, with the reason."""
    large, binary, empty, link = (
        named("04.py", data, rules)[0].problem
        for data in (b"#" * (2 << 20), b"\xff", b"", HandInError("04.py is a symbolic link."))
    )

    assert "larger than 1 MiB" in large
    assert "not UTF-8" in binary
    assert "empty" in empty
    assert "symbolic link" in link


def test_an_archive_holds_several_hand_ins_or_one_of_several_files(rules: Rules) -> None:
    """Names in it tell the challenges, or its own name does; a folder round it all does not count."""
    several = named(
        "mine.zip", packed({"kit/04.py": b"x = 1", "kit/90/submission.py": b"y"}), rules
    )
    one = named("90.zip", packed({"a/submission.py": b"import b", "a/b.py": b"y"}), rules)

    assert [found.challenge for found in several] == ["04", "90"]
    assert [list(found.submission.files) for found in one] == [["submission.py", "b.py"]]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("notes.txt.py", b"x"),
        ("02.py", b"x"),
        ("04.docx", b"x"),
        ("mine.zip", b"PK not really"),
        ("mine.zip", packed({"readme.py": b"x"})),
        ("mine.zip", packed({"../04.py": b"x"})),
    ],
)
def test_what_tells_no_challenge_is_talked_about(name: str, data: bytes, rules: Rules) -> None:
    """Other files are no hand-ins, and nobody's attempt."""
    with pytest.raises(NotTakenError):
        named(name, data, rules)


def test_a_hostile_archive_is_a_hand_in_with_a_problem(rules: Rules) -> None:
    """Where its name tells the challenge, a bomb or a way out of the folder costs an attempt."""
    for data in (
        packed({"../x.py": b""}),
        packed({"a.py": b"0" * (90 << 20)}),
        b"PK",
        b"x" * (9 << 20),
    ):
        (one,) = named("04.zip", data, rules)
        assert one.problem
        assert "/tmp" not in one.problem


def test_names_in_an_archive_may_be_no_text(rules: Rules) -> None:
    """A tar file knows names that are no text: such a hand-in has a problem, and the event goes on."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name in ("submission.py", "\udcff.py"):
            info = tarfile.TarInfo(name)
            info.size = 2
            archive.addfile(info, io.BytesIO(b"x\n"))
    (one,) = named("90.tar", buffer.getvalue(), rules)

    assert one.problem
    assert one.problem.encode()


# Pushes.


class Clone:
    """A team's clone of the repository."""

    def __init__(self, event: EventFolder, folder: Path) -> None:
        self.path = folder
        self.git("clone", "-q", str(event.repository), str(folder), at=None)

    def git(self, *words: str, at: Path | None = Path()) -> str:
        """Run git, in the clone unless told otherwise."""
        place = [] if at is None else ["-C", str(self.path)]
        name = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
        done = subprocess.run(
            ["git", *name, *place, *words], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def push(self, branch: str, *options: str) -> None:
        """Commit all there is and push it to a branch."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "try")
        self.git("push", "-q", *options, "origin", f"HEAD:refs/heads/{branch}")


class Desk:
    """An intake with nothing behind it."""

    def __init__(self, event: EventFolder, rules: Rules) -> None:
        self.said: list[str] = []
        self.turns = Turns()
        clock = Clock(None)
        say: Callable[[str], None] = self.said.append
        inbox = Inbox(event.inbox, clock, 0, say)
        pushes = Pushes(event.repository, clock, 0, say)
        self.intake = Intake(
            inbox, pushes, Queue(event.queue, event.graded), self.turns, set(), say
        )
        self.rules = rules

    def look(self) -> list[tuple[str, str, str]]:
        """Team, challenge and problem of what is new."""
        while self.intake.look(self.rules):
            pass
        return [(one.team, one.challenge, one.problem) for one in iter(self.turns.next, None)]


@with_git
def test_each_new_tip_of_a_branch_is_an_arrival(
    event: EventFolder, rules: Rules, tmp_path: Path
) -> None:
    """Files with a stub's name at the top are hand-ins, once each, whether force was used or not."""
    desk, clone = Desk(event, rules), Clone(event, tmp_path / "clone")
    stub = clone.path / "04_causal_attention.py"
    stub.write_text("x = 1")
    (clone.path / "conftest.py").write_text("raise SystemExit")
    clone.push("Blue-Whales")
    assert desk.look() == [("Blue Whales", "04", "")]
    assert desk.look() == []
    (clone.path / "90_mini.py").write_text("y = 1")
    clone.push("Blue-Whales")
    assert desk.look() == [("Blue Whales", "90", "")]
    clone.git("commit", "-q", "--amend", "-m", "again")
    stub.write_text("x = 2")
    clone.push("Blue-Whales", "-f")
    assert desk.look() == [("Blue Whales", "04", "")]
    clone.push("eve")
    assert desk.look() == [("eve", "04", ""), ("eve", "90", "")]


@with_git
def test_hostile_trees_are_hand_ins_with_a_problem(
    event: EventFolder, rules: Rules, tmp_path: Path
) -> None:
    """A link, a giant and a folder in the place of a stub are told; nothing is checked out or followed."""
    desk, clone = Desk(event, rules), Clone(event, tmp_path / "clone")
    (clone.path / "04_causal_attention.py").symlink_to("/etc/passwd")
    (clone.path / "90_mini.py").write_bytes(b"#" * (3 << 20))
    clone.push("red")
    found = desk.look()

    assert [(team, challenge) for team, challenge, _ in found] == [("red", "04"), ("red", "90")]
    assert "not a regular file" in found[0][2]
    assert "larger than 1 MiB" in found[1][2]
    (clone.path / "04_causal_attention.py").unlink()
    (clone.path / "04_causal_attention.py").mkdir()
    (clone.path / "04_causal_attention.py" / "x.py").write_text("x")
    clone.push("red")
    assert desk.look() == []


@with_git
def test_the_repository_takes_branches_only_and_shows_none(
    event: EventFolder, rules: Rules, tmp_path: Path
) -> None:
    """No tag, no replacement, no removal; what others pushed is not offered to fetch."""
    clone = Clone(event, tmp_path / "clone")
    clone.push("red")

    for refused in ("HEAD:refs/tags/x", "HEAD:refs/replace/x", ":refs/heads/red"):
        with pytest.raises(AssertionError):
            clone.git("push", "-q", "origin", refused)
    assert clone.git("ls-remote", "origin") == ""
    assert list((event.repository / "hooks").glob("*")) == []


@with_git
def test_a_broken_repository_does_not_stop_the_folder(event: EventFolder, rules: Rules) -> None:
    """Whatever happened to the repository, it is told once and the inbox works."""
    (event.repository / "HEAD").unlink()
    (event.inbox / "red" / "04.py").write_text("x = 1")
    desk = Desk(event, rules)

    assert desk.look() == [("red", "04", "")]
    desk.look()
    assert len([text for text in desk.said if "no git repository" in text]) == 1


def test_a_fault_of_ours_over_one_hand_in_ends_nothing(
    event: EventFolder, rules: Rules, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the kit stumbles over is told once, and the others are taken."""

    def stumbles(name: str, data: bytes) -> Submission:
        raise KeyError(name) if b"odd" in data else HandInError("it is empty.")

    monkeypatch.setattr(submissions, "of_bytes", stumbles)
    (event.inbox / "red" / "04.py").write_text("odd")
    (event.inbox / "Blue-Whales" / "04.py").write_text("x")
    desk = Desk(event, rules)

    assert desk.look() == [("Blue Whales", "04", "it is empty.")]
    assert desk.look() == []
    assert len([text for text in desk.said if "by a fault of the kit" in text]) == 1


def test_the_same_bytes_are_one_hand_in(event: EventFolder, rules: Rules) -> None:
    """Of a team at a challenge, whatever the name; another team's, or another challenge's, are others."""
    desk = Desk(event, rules)
    for place in ("red/04.py", "red/04_again.py", "red/90.py", "Blue-Whales/04.py", "red/01.py"):
        (event.inbox / place).write_text("x = 1")

    assert Counter(desk.look()) == Counter(
        [("red", "04", ""), ("red", "90", ""), ("Blue Whales", "04", "")]
    )
