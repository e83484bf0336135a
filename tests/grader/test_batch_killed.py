"""A batch of honest, wrong and hostile hand-ins, killed three times and resumed: nothing lost or left.

    KIT_HAND_INS=200 pytest tests/grader/test_batch_killed.py

takes more hand-ins than a run of all tests does; a fifth of them are hostile.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import msgspec
import psutil
import pytest
import test_never_lost as never_lost

from grader.challenge import Challenge
from grader.walls import choose
from leaderboard.score import Score
from leaderboard.store import Store

TESTS = Path(__file__).parent.parent
HAND_INS = int(os.environ.get("KIT_HAND_INS", "40"))
KILLS = 3
# Tricks that are over within a second, each with the end that its header tells.
TRICKS = [
    *(TESTS / "exploits").glob("early_end/*.py"),
    *(TESTS / "exploits").glob("outliving/*.py"),
]
PART = (TESTS / "exploits" / "honest_part.py").read_text("utf-8")
SYNTAX = "def double(x:\n"

orphans = never_lost.orphans

pytestmark = [
    pytest.mark.walls,
    pytest.mark.skipif(sys.platform != "linux", reason="adopts orphans, reads /proc"),
]


class Due(msgspec.Struct, frozen=True):
    """The record that a team must have in the end."""

    status: str
    score: int | None


def trick(path: Path) -> tuple[str, Due] | None:
    """The text of a trick and the end that it comes to; None if that depends on the machine."""
    text = path.read_text("utf-8")
    header = dict(re.findall(r"^(Challenge|Expect): (.+)$", text, re.MULTILINE))
    if header.get("Challenge") != "90" or "|" in header["Expect"]:
        return None
    return text, Due(header["Expect"], 40 if header["Expect"] == "graded" else 0)


def handed_in(folder: Path, mini: Challenge, rng: random.Random) -> dict[str, Due]:
    """Hand-ins, one for each team; the value is what is due to whom.

    One in five is hostile, one in five wrong; of the others some are the same, one does not compile and
    one cannot be read. Every other one lies in an archive.
    """
    right = mini.solution.read_text("utf-8")
    hostile = list(filter(None, map(trick, sorted(TRICKS))))
    rng.shuffle(hostile)
    due: dict[str, Due] = {}
    for number in range(HAND_INS):
        team = f"team {number:03} \x1b[2J東京" if number == 7 else f"team {number:03}"
        text, due[team] = f"{right}\n# {number // 3}\n", Due("graded", 100)
        if number % 5 == 0:
            text, due[team] = hostile[number // 5 % len(hostile)]
            text += f"\n# {number}\n"
        elif number % 5 == 1:
            text, due[team] = f"{PART}\n# {number}\n", Due("graded", 40)
        elif number in (2, 3):
            text, due[team] = (SYNTAX, "")[number - 2], Due("ungradable", 0)
        place = folder / ("loose", "packed")[number % 2] / team
        place.mkdir(parents=True)
        (place / "90.py").write_text(text, "utf-8")
    shutil.make_archive(str(folder / "packed"), "zip", folder / "packed")
    return due


class Batch:
    """`grader batch` with a store, a temporary folder and a mark in its environment."""

    def __init__(self, folder: Path, mini: Challenge) -> None:
        self.store = Store(folder / "store")
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.log = folder / "log"
        self._mark = f"KIT_BATCH={folder}"
        self._command = [
            *(sys.executable, "-m", "grader", "batch"),
            *(str(folder / "hand-ins" / "loose"), str(folder / "hand-ins" / "packed.zip")),
            *("--challenge", str(mini.folder), "-j", "auto", "--store", str(self.store.path)),
            *("--resume", "--timeout", "40"),
        ]

    def start(self) -> subprocess.Popen[bytes]:
        """Start it, or go on with it."""
        name, _, value = self._mark.partition("=")
        env = never_lost.environment(TMPDIR=str(self.temporary), **{name: value})
        with self.log.open("ab") as log:
            return subprocess.Popen(self._command, stdout=log, stderr=log, env=env)

    def kill_after(self, records: int, seconds: float) -> None:
        """Start it, and kill it so long after there are so many records."""
        running = self.start()
        while running.poll() is None and self.recorded() < records:
            time.sleep(0.02)
        time.sleep(seconds)
        # What is looked for afterwards is found before.
        assert self.processes() != []
        running.kill()
        code = running.wait(60)
        assert code == -signal.SIGKILL, f"it ended by itself ({code}): {self.log.read_text()}"

    def recorded(self) -> int:
        """How many records there are."""
        return sum(1 for _ in self.store.path.rglob("*.json"))

    def processes(self) -> list[str]:
        """Processes of anybody that carry the mark or name the temporary folder."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(OSError, psutil.Error):
                told = Path(f"/proc/{process.pid}/environ").read_bytes()
                told += Path(f"/proc/{process.pid}/cmdline").read_bytes()
                if self._mark.encode() in told or str(self.temporary).encode() in told:
                    found.append(" ".join(process.cmdline()))
        return found


def test_a_batch_that_is_killed_ends_as_if_it_had_not_been(
    mini: Challenge, tmp_path: Path, orphans: set[psutil.Process]
) -> None:
    """Each team has its one right record; no process, mount or file of the killed ones is left."""
    if choose().level != "strong":
        pytest.skip("the ends of the tricks are those behind the strong wall")
    seed = random.randrange(1 << 32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    mounts = Path("/proc/self/mounts").read_text()
    due = handed_in(tmp_path / "hand-ins", mini, rng)
    batch = Batch(tmp_path, mini)
    kept: dict[str, Score] = {}
    for records in sorted(rng.sample(range(HAND_INS * 3 // 4), KILLS)):
        batch.kill_after(records, rng.uniform(0, 1.0))
        assert never_lost.still_running(orphans) == []
        kept |= {score.id + score.team: score for score in batch.store.read()[0]}
    last = batch.start()
    code = last.wait(600)
    scores, problems = batch.store.read()
    told = {score.team: Due(score.status, score.score) for score in scores}

    assert (code, problems) == (3, []), batch.log.read_text()
    assert told == due
    assert Counter(score.team for score in scores).most_common(1)[0][1] == 1
    # What was there before a kill is there, unchanged.
    assert set(kept.values()) <= set(scores)
    seeds = {score.submission.sha256: set[str]() for score in scores if score.submission.bytes}
    for score in scores:
        seeds.get(score.submission.sha256, set()).add(score.seed)
    assert {len(drawn) for drawn in seeds.values()} == {1}
    assert never_lost.still_running(orphans) == []
    assert batch.processes() == []
    assert Path("/proc/self/mounts").read_text() == mounts
    assert list(batch.temporary.iterdir()) == []
    assert list(batch.store.path.rglob(".*")) == []
