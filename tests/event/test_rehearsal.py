"""Dress rehearsal of a hack day: twelve teams, three challenges, a shared folder, a repository, one kill.

    KIT_HAND_INS=150 pytest tests/event/test_rehearsal.py

takes more hand-ins than a run of all tests does. One in five is hostile; some are the same bytes twice.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import psutil
import pytest
import test_batch_killed as batch_killed
import test_never_lost as never_lost
from needs import absent
from test_arrivals import packed

from grader.challenge import Challenge, find
from grader.events.folder import EventFolder
from grader.events.roster import handle
from grader.events.waiting import Queue
from grader.walls import choose
from leaderboard.score import Score
from leaderboard.store import Store

TESTS = Path(__file__).parent.parent
HAND_INS = int(os.environ.get("KIT_HAND_INS", "48"))
TEAMS = ["red", "Blue Whales", "équipe 7", "東京", *(f"team {n:02}" for n in range(5, 13))]
PATIENCE_S = 240
# The system notes a file's change by a clock that ticks less often than ours.
TICK = timedelta(milliseconds=50)
HEAD = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "core.hooksPath=/dev/null"]

orphans = never_lost.orphans

pytestmark = [
    pytest.mark.walls,
    pytest.mark.skipif(sys.platform != "linux", reason="adopts orphans, reads /proc"),
    pytest.mark.skipif(absent("git"), reason="pushes with git"),
]


class HandIn(msgspec.Struct, frozen=True):
    """What a team hands in, how, and what it must come to; a score of None is less than 100."""

    team: str
    challenge: str
    way: str
    name: str
    data: bytes
    status: str
    score: int | None
    copy: bool = False

    def is_of(self, score: Score) -> bool:
        """Whether a record is that of this hand-in."""
        if (score.team, score.challenge.id) != (self.team, self.challenge):
            return False
        told = {"push-link": "not a regular file", "push-giant": "larger than"}.get(self.way)
        if told:
            return told in score.message and self.pushed(score)
        if self.way in ("folder", "push") and self.name.endswith(".py"):
            return score.submission.sha256 == hashlib.sha256(self.data).hexdigest()
        return score.submission.name == self.name

    def pushed(self, score: Score) -> bool:
        """Whether a record is of a file under the stub's name."""
        return score.submission.name == f"{score.challenge.id}_{score.challenge.slug}.py"


class Given(msgspec.Struct, frozen=True):
    """A hand-in that was handed in, between two moments. `mark`: what the run says when it sees it."""

    hand_in: HandIn
    began: datetime
    ended: datetime
    mark: str


def golden() -> list[tuple[bytes, str, int | None]]:
    """Hostile hand-ins for the mini challenge with their ends, the same on every machine."""
    found: list[tuple[bytes, str, int | None]] = []
    for path in sorted((TESTS / "submissions").glob("*/solution.py")):
        expected = json.loads((path.parent / "expected.json").read_text("utf-8"))
        if expected["status"] is not None and "limits" not in expected and path.read_bytes():
            found.append((path.read_bytes(), expected["status"], expected.get("score", 0)))
    for path in sorted(batch_killed.TRICKS):
        told = batch_killed.trick(path)
        if told is not None:
            found.append((told[0].encode(), told[1].status, told[1].score))
    return found


def loses_points(path: Path, challenge: Challenge) -> bool:
    """Whether a wrong solution is caught by a spec that has points, and not by a remark alone."""
    caught = re.findall(r"^# caught-by: (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return any(spec.points and spec.name in " ".join(caught) for spec in challenge.specs)


class Material:
    """Hand-ins of every kind, each with bytes of its own."""

    def __init__(self, challenges: list[Challenge], rng: random.Random) -> None:
        self._challenges = challenges
        self._hostile = golden()
        rng.shuffle(self._hostile)
        self._part = batch_killed.PART.encode()

    def make(self, number: int) -> HandIn:
        """The hand-in of a number: one in five is hostile, one wrong, one a stub; the others are right."""
        # Each team comes to each challenge in each way.
        team = TEAMS[number % len(TEAMS)]
        challenge = self._challenges[number // len(TEAMS) % len(self._challenges)]
        kind, mark = number % 5, f"\n# {number}\n".encode()
        if kind == 0:
            return self._hostile_one(team, number, mark)
        if kind == 1:
            return self._wrong(team, challenge, number, mark)
        way = "push" if number % 2 else "folder"
        name = f"{challenge.id}_{number}.py"
        is_stub = kind == 2 and challenge.starter.is_file()
        source = challenge.starter if is_stub else challenge.solution
        data, score = source.read_bytes() + mark, 0 if is_stub else 100
        return HandIn(team, challenge.id, way, name, data, "graded", score)

    def _hostile_one(self, team: str, number: int, mark: bytes) -> HandIn:
        mini = self._challenges[-1].id
        turn = number // 5
        way = "push" if turn % 3 == 0 else "folder"
        special = {1: "link", 4: "pipe", 7: "giant", 8: "push-link", 11: "push-giant"}.get(
            turn % 14
        )
        if special:
            data = b"#" * (2 << 20) + mark if "giant" in special else mark
            return HandIn(team, mini, special, f"{mini}_{number}.py", data, "ungradable", 0)
        text, status, score = self._hostile[turn % len(self._hostile)]
        return HandIn(team, mini, way, f"{mini}_{number}.py", text + mark, status, score)

    def _wrong(self, team: str, challenge: Challenge, number: int, mark: bytes) -> HandIn:
        if challenge.id == self._challenges[-1].id:
            name = f"{challenge.id}_{number}.py"
            return HandIn(team, challenge.id, "folder", name, self._part + mark, "graded", 40)
        # Such a file imports the worked solution, so they come together in an archive.
        costly = [path for path in challenge.wrong if loses_points(path, challenge)]
        wrong = costly[number % len(costly)].read_bytes()
        files = {"submission.py": wrong + mark, "solution.py": challenge.solution.read_bytes()}
        name = f"{challenge.id}_{number}.zip"
        return HandIn(team, challenge.id, "folder", name, packed(files), "graded", None)


def rehearsed(challenges: list[Challenge], rng: random.Random) -> list[HandIn]:
    """All hand-ins in the order in which they come; one in twenty-five is a copy of an earlier one."""
    material = Material(challenges, rng)
    made: list[HandIn] = []
    for number in range(HAND_INS):
        right = [one for one in made if one.score == 100 and one.way == "folder"]
        if number % 25 == 24 and right:
            made.append(msgspec.structs.replace(rng.choice(right), way="push", copy=True))
        else:
            made.append(material.make(number))
    return made


class Day:
    """A hack day: its folder, its run, and what the teams do."""

    def __init__(self, folder: Path, mini: Challenge) -> None:
        self.event = EventFolder(folder / "day")
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.out, self.talk = folder / "out", folder / "err"
        self.stubs = {one.id: one.starter.name for one in (find("01"), find("04"), mini)}
        self._clones = folder / "clones"
        self._mark = f"KIT_DAY={folder}"
        self._mini = mini
        roster = folder / "roster.csv"
        roster.write_text("team\n" + "".join(f"{team}\n" for team in TEAMS), "utf-8")
        own = ["--challenge", str(mini.folder)]
        self.grader(
            "event",
            "new",
            str(self.event.path),
            "--challenges",
            "01,04",
            *own,
            "--teams",
            str(roster),
        )
        self.running: subprocess.Popen[bytes] | None = None

    def grader(self, *words: str) -> None:
        """Run a command of the grader to its end."""
        subprocess.run(
            [sys.executable, "-m", "grader", *words], env=never_lost.environment(), check=True
        )

    def start(self) -> None:
        """Begin to grade, or go on."""
        name, _, value = self._mark.partition("=")
        env = never_lost.environment(TMPDIR=str(self.temporary), **{name: value})
        command = [sys.executable, "-m", "grader", "event", "run", str(self.event.path), "-j", "2"]
        command += ["--challenge", str(self._mini.folder), "--quiet", "0.2", "--timeout", "60"]
        with self.out.open("ab") as out, self.talk.open("ab") as talk:
            self.running = subprocess.Popen(command, stdout=out, stderr=talk, env=env)

    def kill(self) -> None:
        """Kill the run, in the middle of gradings."""
        assert self.running is not None
        assert self.processes() != []
        self.running.kill()
        assert self.running.wait(60) == -signal.SIGKILL

    def stop(self) -> int:
        """Press Ctrl-C."""
        assert self.running is not None
        self.running.send_signal(signal.SIGINT)
        return self.running.wait(PATIENCE_S)

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Wait for something that the run does."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert self.running is not None
            assert self.running.poll() is None, f"it ended: {self.talk.read_text()[-2000:]}"
            assert time.monotonic() < deadline, f"{what}: {self.talk.read_text()[-2000:]}"
            time.sleep(0.02)

    def recorded(self) -> int:
        """How many records there are."""
        return sum(1 for _ in self.event.scores.rglob("*.json"))

    def processes(self) -> list[str]:
        """Processes that carry the mark of this day or name its temporary folder."""
        marks = (self._mark.encode(), str(self.temporary).encode())
        found = []
        for process in psutil.process_iter():
            try:
                told = Path(f"/proc/{process.pid}/environ").read_bytes()
                told += Path(f"/proc/{process.pid}/cmdline").read_bytes()
            except OSError:
                continue
            if any(mark in told for mark in marks):
                found.append(str(process.pid))
        return found

    # What teams do.

    def live_through(self, wave: list[HandIn]) -> list[Given]:
        """Have the hand-ins of a wave handed in, and wait until what was pushed is seen."""
        given = [self.hand_in(one) for one in wave]
        self.wait_until(lambda: self.has_seen(given), "what was pushed to be seen")
        return given

    def has_seen(self, given: list[Given]) -> bool:
        """Whether the run has told of what was pushed."""
        told = self.talk.read_text("utf-8")
        return all(one.mark in told for one in given if "push" in one.hand_in.way)

    def has_taken(self, given: list[Given]) -> bool:
        """Whether it has told of what was there when it began; of copies it says nothing then."""
        return self.has_seen([one for one in given if not one.hand_in.copy])

    def hand_in(self, one: HandIn) -> Given:
        """Hand in."""
        began = datetime.now(UTC)
        mark = self._push(one) if "push" in one.way else self._drop(one)
        return Given(one, began, datetime.now(UTC), mark)

    def _drop(self, one: HandIn) -> str:
        path = self.event.inbox / handle(one.team) / one.name
        if one.way == "link":
            path.symlink_to("/etc/passwd")
        elif one.way == "pipe":
            os.mkfifo(path)
        else:
            # In two steps, as a slow copy does it.
            half = path.with_name(f".{path.name}.part")
            half.write_bytes(one.data)
            half.replace(path)
        return f"inbox/{handle(one.team)}/{one.name}:"

    def _push(self, one: HandIn) -> str:
        clone = self._clones / handle(one.team)
        if not clone.is_dir():
            self._git("clone", "-q", str(self.event.repository), str(clone))
        stub = clone / self.stubs[one.challenge]
        stub.unlink(missing_ok=True)
        if one.way == "push-link":
            stub.symlink_to("/etc/passwd")
        else:
            stub.write_bytes(one.data)
        self._git("-C", str(clone), "add", "-A")
        self._git("-C", str(clone), "commit", "-q", "--allow-empty", "-m", "try")
        branch = f"HEAD:refs/heads/{handle(one.team)}"
        self._git("-C", str(clone), "push", "-q", "-f", "origin", branch)
        head = self._git("-C", str(clone), "rev-parse", "HEAD").strip()
        return f"push {head[:10]} of {handle(one.team)}:"

    def _git(self, *words: str) -> str:
        command = ["git", *HEAD, *words]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def waves(hand_ins: list[HandIn]) -> Iterator[list[HandIn]]:
    """Groups in order, in which no branch is pushed to twice: of two tips at once the later one is seen."""
    wave: list[HandIn] = []
    for one in hand_ins:
        teams = {other.team for other in wave if "push" in other.way}
        if "push" in one.way and one.team in teams:
            yield wave
            wave = []
        wave.append(one)
    yield wave


def test_a_hack_day_that_is_killed_once(
    mini: Challenge, tmp_path: Path, orphans: set[psutil.Process]
) -> None:
    """Each hand-in has one record with its first arrival, each team its best; the dead leave nothing."""
    if choose().level != "strong":
        pytest.skip("the ends of the hostile ones are those behind the strong wall")
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    mounts = Path("/proc/self/mounts").read_text()
    hand_ins = rehearsed([find("01"), find("04"), mini], random.Random(seed))
    due = [one for one in hand_ins if not one.copy]
    groups = list(waves(hand_ins))
    morning, dead, afternoon = groups[: len(groups) // 2], *split(groups[len(groups) // 2 :])
    day = Day(tmp_path, mini)
    day.start()
    given = [one for wave in morning for one in day.live_through(wave)]
    day.wait_until(lambda: day.recorded() >= len(given) // 3, "some records before the kill")
    day.kill()
    assert never_lost.still_running(orphans) == []
    kept = Store(day.event.scores).read()[0]
    queued = {(one.team, one.id) for one in Queue(day.event.queue, day.event.graded).read()[0]}
    meanwhile = [day.hand_in(one) for one in dead]
    day.start()
    restarted = datetime.now(UTC)
    day.wait_until(lambda: day.has_taken(meanwhile), "what came meanwhile to be seen")
    given += meanwhile + [one for wave in afternoon for one in day.live_through(wave)]
    day.wait_until(lambda: day.recorded() >= len(due), f"{len(due)} records")
    code = day.stop()
    scores, problems = Store(day.event.scores).read()

    assert (code, problems) == (0, []), day.talk.read_text()
    assert len(scores) == len(due)
    for one in given:
        check(one, scores, restarted if one in meanwhile else None)
    check_best(scores, due)
    # What was there before the kill is there, unchanged; what waited has kept its time.
    assert set(kept) <= set(scores)
    assert queued <= {(score.team, score.id) for score in scores}
    standings = day.out.read_text("utf-8").partition("\n\n")[2]
    assert [team for team in TEAMS if team not in standings] == []
    assert never_lost.still_running(orphans) == []
    assert day.processes() == []
    assert Path("/proc/self/mounts").read_text() == mounts
    assert list(day.temporary.iterdir()) == []
    assert list(day.event.queue.iterdir()) == []
    assert list(day.event.scores.rglob(".*")) == []


def split(groups: list[list[HandIn]]) -> tuple[list[HandIn], list[list[HandIn]]]:
    """The first group, and the others."""
    return groups[0], groups[1:]


def check(given: Given, scores: list[Score], restarted: datetime | None) -> None:
    """A hand-in has exactly one record, of its end, with the time at which it came first."""
    one = given.hand_in
    found = [score for score in scores if one.is_of(score)]
    assert len(found) == 1, (one.team, one.name, one.way, len(found))
    (score,) = found
    assert score.status == one.status, (one.name, score.message)
    assert score.score == one.score or (one.score is None and score.score < 100), one.name
    if not one.copy:
        assert score.submitted_at >= given.began - TICK, one.name
    if restarted is not None:
        # Nobody looked: it is the file system that has noted when it came.
        assert score.submitted_at <= restarted, one.name
        assert one.copy or score.submitted_at <= given.ended + TICK, one.name


def check_best(scores: list[Score], due: list[HandIn]) -> None:
    """Each team's best at each challenge is what it must be."""
    best: dict[tuple[str, str], int] = Counter()
    for score in scores:
        key = score.team, score.challenge.id
        best[key] = max(best[key], score.score)
    groups: dict[tuple[str, str], list[HandIn]] = defaultdict(list)
    for one in due:
        groups[one.team, one.challenge].append(one)

    for key, group in groups.items():
        known = max(one.score or 0 for one in group)
        open_end = any(one.score is None for one in group)
        assert best[key] == known or (open_end and known <= best[key] < 100), key
