"""A sealed challenge is graded as the plain one is, and nobody sees more of it than before."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from sealing_kit import SECRET, Key, files_below, hidden_lines, seal_into, shingles

from grader import keyring, opening
from grader.challenge import Challenge, find
from grader.grading import SEALED_FAULT, Attempt, grade, grade_submission
from grader.pool import Pool
from grader.submission import Submission
from grader.supervising import WORKER_MODULES, Follower
from grader.walls import WALLS, Wall, choose, shows_files
from leaderboard.score import Score, encode
from leaderboard.store import Store

pytestmark = [
    pytest.mark.walls,
    pytest.mark.skipif(sys.platform != "linux", reason="opened into memory on Linux only"),
]
LOOKER = Path(__file__).parent / "data" / "looks_for_keys.py"
SEED = "5eed"
TEAM = "red"


@pytest.fixture(scope="module")
def key() -> Key:
    """A key."""
    return Key.new()


@pytest.fixture
def sealed_mini(mini: Challenge, key: Key, tmp_path: Path) -> Iterator[Challenge]:
    """The mini challenge, found by its public folder with the key in the environment."""
    folder = seal_into(mini, tmp_path / "public", key)
    os.environ[keyring.KEY] = key.text
    yield find(str(folder))
    keyring.forget()
    opening.close()


def comparable(score: Score) -> dict[str, Any]:
    """The record without what differs between any two gradings."""
    fields = msgspec.to_builtins(score)
    for name in ("id", "submitted_at", "graded_at", "usage"):
        del fields[name]
    fields["specs"] = [{**spec, "seconds": 0} for spec in fields["specs"]]
    return fields


HAND_INS = ["correct", "returns_float32", "misspelled_name"]


@pytest.mark.parametrize("name", HAND_INS)
def test_sealed_and_plain_give_the_same_score(
    name: str, mini: Challenge, sealed_mini: Challenge, submissions: Path
) -> None:
    """The same seed gives the same record up to times, with the same hash of the specs."""
    source = str(next((submissions / name).glob("*.py")))

    plain, sealed = (grade(source, Attempt(one, TEAM, seed=SEED)) for one in (mini, sealed_mini))

    assert comparable(sealed) == comparable(plain)


@pytest.mark.skipif(choose().level != "strong", reason="no strong wall on this machine")
def test_warm_and_cold_give_the_same_score(
    mini: Challenge, sealed_mini: Challenge, submissions: Path
) -> None:
    """A pool grades a sealed challenge to the same record as the plain one."""
    source = str(next((submissions / "returns_float32").glob("*.py")))
    with Pool() as pool:
        warm = [pool.grade(source, Attempt(sealed_mini, TEAM, seed=SEED)) for _ in range(2)]

    plain = grade(source, Attempt(mini, TEAM, seed=SEED))

    assert comparable(warm[0]) == comparable(warm[1]) == comparable(plain)


@pytest.mark.parametrize("wall", WALLS, ids=lambda wall: wall.level)
def test_a_hand_in_finds_neither_key_nor_plain_text(
    wall: Wall, sealed_mini: Challenge, key: Key
) -> None:
    """Searched by a hand-in: environment, /proc, its memory, /dev/shm and files within reach."""
    if wall.missing() or shows_files(wall):
        pytest.skip(f"{wall.name} does not stand here, or hides no files")
    assert sealed_mini.folder.is_dir()

    told = f"ROOM = {str(sealed_mini.folder.parent)!r}\nSUPERVISOR = {os.getpid()}\n".encode()
    files = {"looks_for_keys.py": LOOKER.read_bytes(), "told.py": told}
    submission = Submission.of("looks_for_keys.py", files)

    score = grade_submission(submission, Attempt(sealed_mini, TEAM), wall)

    assert (score.status, score.walls) == ("graded", wall.level), score.message
    (line,) = [one for one in score.output.splitlines() if one.startswith("SEARCHED ")]
    found = json.loads(line.removeprefix("SEARCHED "))
    secret = key.text.splitlines()[1]
    assert found["looked"] > 20
    assert {text[:23] for _, text in found["keys"]} == {"AGE-SECRET-KEY-1PLANTED"}
    assert secret not in score.output
    assert set(found["variables"]) & set(keyring.NAMES) == set()
    room = sealed_mini.folder.parent.name
    assert [name for name in found["names"] if room in name or "/dev/shm" in name] == []
    assert found["told"] == []
    assert [name for name in found["names"] if "test_mini" in name or "sealed" in name] == []


class _Watcher(Follower):
    """Looks, while a grading runs, at the files and the environments of all that belongs to it."""

    def __init__(self, *places: Path) -> None:
        self.files: list[bytes] = []
        self.environments: list[str] = []
        self._places = places

    def stopped(self) -> bool:
        """Keep everything that is there now; asked from the first moment on, every few milliseconds."""
        for place in self._places:
            self.files += files_below(place)
        for process in psutil.Process().children(recursive=True):
            try:
                self.environments += [f"{k}={v}" for k, v in process.environ().items()]
                self.environments += process.cmdline()
            except psutil.Error:
                # Judges deny it to whoever is not root.
                continue
        return False


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_no_file_outside_memory_holds_plain_text(
    warm: bool,
    mini: Challenge,
    sealed_mini: Challenge,
    key: Key,
    submissions: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While it is graded and after it, temporary folder, store and environments hold no line of it."""
    temporary, store = tmp_path / "tmp", Store(tmp_path / "store")
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    watcher = _Watcher(temporary, tmp_path / "public")
    source = str(next((submissions / "returns_nan").glob("*.py")))
    attempt = Attempt(sealed_mini, TEAM)
    if warm:
        with Pool() as pool:
            score = pool.grade(source, attempt, watcher)
    else:
        score = grade(source, attempt, follower=watcher)
    store.add(score)
    secret = SECRET.findall(key.text.encode())[0]
    # What the hand-in, the worker's own modules and the score may say.
    told = [spec.title.encode() for spec in sealed_mini.specs] + [encode(score)]
    told += [Path(source).read_bytes(), *files_below(WORKER_MODULES)]
    lines = {line for line in hidden_lines(mini) if not any(line in text for text in told)}
    everything = b"\n".join([*watcher.files, *files_below(tmp_path)])

    assert score.status == "graded"
    assert any(b"def double" in data for data in watcher.files), "the hand-in itself was seen"
    assert len(lines) > 60
    assert {line for line in lines if line in everything} == set()
    assert secret not in everything
    assert {run for run in shingles(mini) if run in encode(score)} == set()
    assert not any(secret.decode() in text for text in watcher.environments)
    assert list(temporary.iterdir()) == []


SECRET_LINE = 'THE_ANSWER = "nobody may read this line of a spec"'


@pytest.mark.parametrize("sealed", [False, True], ids=["plain", "sealed"])
def test_a_judge_that_fails_does_not_quote_sealed_specs(
    sealed: bool, mini: Challenge, key: Key, submissions: Path, tmp_path: Path
) -> None:
    """Where specs cannot be imported the report quotes them: of a sealed challenge it is not shown."""
    folder = tmp_path / mini.key
    shutil.copytree(mini.folder, folder)
    spec = folder / "specs" / "test_mini.py"
    spec.write_text(spec.read_text() + f"\n{SECRET_LINE}; raise RuntimeError(THE_ANSWER)\n")
    if sealed:
        plain = msgspec.structs.replace(mini, folder=folder)
        os.environ[keyring.KEY] = key.text
        folder = seal_into(plain, tmp_path / "public", key)
    source = str(next((submissions / "correct").glob("*.py")))

    score = grade(source, Attempt(find(str(folder)), TEAM))
    keyring.forget()
    opening.close()

    assert score.status == "grader_fault"
    assert (score.message == SEALED_FAULT) is sealed
    assert (b"nobody may read" in encode(score)) is not sealed
