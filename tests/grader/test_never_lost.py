"""No score is lost and nothing is left: killed gradings, dead folders, many writers, full disks."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

import grader
from grader import sweeping
from grader.challenge import Challenge
from grader.errors import GraderFault
from grader.grading import Attempt, grade_submission
from grader.submission import Submission
from grader.walls import WALLS
from leaderboard import locks
from leaderboard.score import Score, decode
from leaderboard.store import Store

ROOT = Path(grader.__file__).parent.parent
KILLS = int(os.environ.get("GRADER_KILLS", "30"))
PR_SET_CHILD_SUBREAPER = 36
GONE_WITHIN_S = 20.0
BROKEN = "def double(x:\n"

linux = pytest.mark.skipif(sys.platform != "linux", reason="adopts orphans, mounts file systems")
posix = pytest.mark.skipif(os.name != "posix", reason="needs locks that end with a process")


def environment(**changed: str) -> dict[str, str]:
    """This environment, with the kit on the path of Python."""
    return {**os.environ, "PYTHONPATH": str(ROOT), **changed}


def python(code: str, *arguments: object) -> list[str]:
    """A command that runs this code."""
    return [sys.executable, "-c", code, *map(str, arguments)]


# Killed at any time.


@pytest.fixture
def orphans() -> Iterator[set[psutil.Process]]:
    """Adopt the orphans of this test; the value is what ran before it."""
    prctl = ctypes.CDLL(None).prctl
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    yield set(psutil.Process().children(recursive=True))
    prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)


def still_running(before: set[psutil.Process]) -> list[str]:
    """What still runs of what this test started, after a while in which it may end."""
    deadline = time.monotonic() + GONE_WITHIN_S
    while True:
        left = set(psutil.Process().children(recursive=True)) - before
        for process in left:
            # Ours to reap, if it is a child by now; never one of another test's.
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)
        if not left or time.monotonic() > deadline:
            return [f"{process.pid} {command_of(process)}" for process in left]
        time.sleep(0.05)


def command_of(process: psutil.Process) -> str:
    """The command line of a process, empty once it has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def victims(supervisor: subprocess.Popen[bytes], which: str) -> list[psutil.Process]:
    """The processes of a grading that are the supervisor, its judge, or of its worker."""
    try:
        root = psutil.Process(supervisor.pid)
        if which == "supervisor":
            return [root]
        mark = "grader.judge" if which == "judge" else "boot.py"
        return [child for child in root.children(recursive=True) if mark in command_of(child)]
    except psutil.Error:
        return []


def kill_at(
    supervisor: subprocess.Popen[bytes], which: str, after_s: float, rng: random.Random
) -> bool:
    """Kill a process of the grading once it is there and the time has come; False if it came too late."""
    time.sleep(after_s)
    while supervisor.poll() is None:
        found = victims(supervisor, which)
        if found:
            with contextlib.suppress(psutil.Error):
                rng.choice(found).kill()
            return True
        time.sleep(0.02)
    return False


def grading(challenge: Challenge, source: Path, folder: Path) -> subprocess.Popen[bytes]:
    """A grading with a store, a temporary folder and a standard output of its own."""
    (folder / "tmp").mkdir(exist_ok=True)
    command = [
        sys.executable,
        "-m",
        "grader",
        "grade",
        str(challenge.folder),
        str(source),
        "--json",
    ]
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        return subprocess.Popen(
            [*command, "--store", str(folder / "store"), "--team", "killed"],
            stdout=out,
            stderr=err,
            env=environment(TMPDIR=str(folder / "tmp")),
        )


@linux
@pytest.mark.walls
@pytest.mark.parametrize("number", range(KILLS))
def test_a_kill_at_any_time_loses_nothing_and_leaves_nothing(
    number: int, mini: Challenge, tmp_path: Path, orphans: set[psutil.Process]
) -> None:
    """Only whole records; what was reported is there; no process, mount or folder outlives it for long."""
    rng = random.Random(f"kill {number}")
    which = ("supervisor", "judge", "worker")[number % 3]
    broken = rng.random() < 0.4
    source = tmp_path / "mine.py"
    source.write_text(BROKEN if broken else mini.solution.read_text())
    mounts = Path("/proc/self/mounts").read_text()
    supervisor = grading(mini, source, tmp_path)
    killed = kill_at(supervisor, which, rng.uniform(0, 1.0 if broken else 4.0), rng)
    code = supervisor.wait(120)
    scores, problems = Store(tmp_path / "store").read()

    assert still_running(orphans) == []
    assert Path("/proc/self/mounts").read_text() == mounts
    assert problems == []
    assert len(scores) <= 1
    if code >= 0:
        # It ended by itself: what it said stands, and it said something.
        said = reported(tmp_path)
        assert (code, said is None) in {(0, False), (1, False), (3, False), (4, True), (4, False)}
        assert scores == ([said] if said and said.status != "grader_fault" else [])
    if code >= 0 and not killed:
        assert [score.status for score in scores] == ["ungradable" if broken else "graded"]
    if scores and not broken and scores[0].status == "graded":
        assert scores[0].score == 100
    assert_swept(mini, tmp_path)
    assert still_running(orphans) == []


def reported(folder: Path) -> Score | None:
    """The record on standard output, None if there is none."""
    data = (folder / "out").read_bytes()
    return decode(data) if data else None


def assert_swept(mini: Challenge, folder: Path) -> None:
    """The next grading removes what was left, in the temporary folder and in the store."""
    left = sorted((folder / "tmp").iterdir())
    if left:
        assert {path.name.removesuffix(".lock") for path in left} == {left[0].name}
    (folder / "mine.py").write_text(BROKEN)
    code = grading(mini, folder / "mine.py", folder).wait(60)
    assert code == 3, (folder / "out").read_text() + (folder / "err").read_text()
    assert list((folder / "tmp").iterdir()) == []
    assert list((folder / "store").rglob(".*")) == []


# Folders of the dead.


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder of this test's own, for this process."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


OWNER = """
import sys, time
from grader import sweeping
with sweeping.workspace() as folder:
    (folder / "deep" / "er").mkdir(parents=True)
    (folder / "deep" / "er" / "file").write_text("x")
    print(folder, flush=True)
    sys.stdin.readline()
"""


@contextlib.contextmanager
def owner(temporary: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A living process with a folder, and the folder."""
    process = subprocess.Popen(
        python(OWNER),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment(TMPDIR=str(temporary)),
    )
    with process:
        assert process.stdout is not None
        yield process, Path(process.stdout.readline().strip())
        process.kill()


@posix
def test_a_folder_is_swept_when_its_owner_is_dead_and_not_before(temporary: Path) -> None:
    """As long as the owner lives its folder stays; killed without a last word, it goes."""
    with owner(temporary) as (process, folder):
        os.utime(folder, (0, 0))
        assert sweeping.sweep() == []
        assert (folder / "deep" / "er" / "file").exists()
        process.send_signal(signal.SIGKILL)
        process.wait()

        assert sweeping.sweep() == [folder]
        assert list(temporary.iterdir()) == []


@posix
def test_the_next_folder_sweeps_the_dead(temporary: Path) -> None:
    """Whoever makes a folder removes those of the dead; those of the living are left alone."""
    with owner(temporary) as (process, dead), owner(temporary) as (_, living):
        process.kill()
        process.wait()
        with sweeping.workspace() as folder:
            assert folder.is_dir()
            assert not dead.exists()
            assert living.is_dir()


def test_a_folder_goes_with_its_owner(temporary: Path) -> None:
    """At the end of the block folder and lock are gone, also when the block raises."""
    with contextlib.suppress(KeyError), sweeping.workspace() as folder:
        assert folder.parent == temporary
        assert folder.stat().st_mode & 0o077 == 0
        raise KeyError

    assert list(temporary.iterdir()) == []


@posix
def test_what_is_not_ours_is_not_swept(temporary: Path, tmp_path: Path) -> None:
    """Folders without a lock, pipes, links and files of other names stay, and nothing waits for them."""
    (tmp_path / "precious").mkdir()
    (temporary / "grader-results").mkdir()
    (temporary / "others.lock").touch()
    os.mkfifo(temporary / "grader-pipe.lock")
    (temporary / "grader-link.lock").symlink_to(tmp_path / "precious")
    (temporary / "grader-folder.lock").mkdir()
    before = sorted(temporary.iterdir())

    assert sweeping.sweep() == []
    assert sorted(temporary.iterdir()) == before


@posix
def test_a_link_in_the_place_of_a_folder_is_removed_itself(temporary: Path, tmp_path: Path) -> None:
    """What a link of a dead grading points to stays."""
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    (temporary / "grader-a.lock").touch()
    (temporary / "grader-a").symlink_to(tmp_path / "precious")
    (temporary / "grader-b.lock").touch()
    (temporary / "grader-b").mkdir()
    (temporary / "grader-b" / "link").symlink_to(tmp_path / "precious")
    sweeping.sweep()

    assert list(temporary.iterdir()) == []
    assert (tmp_path / "precious" / "file").exists()


@posix
def test_a_lock_taken_for_abandoned_before_it_was_held_is_made_again(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Swept between creation and lock, a folder's owner notices and takes another name."""
    honest = locks._lock
    swept: list[Path] = []

    def late(file: object, wait: bool) -> bool:
        if wait and not swept:
            swept.extend(temporary.glob("*.lock"))
            swept[0].unlink()
        return honest(file, wait)  # type: ignore[arg-type]

    monkeypatch.setattr(locks, "_lock", late)
    with sweeping.workspace() as folder:
        assert folder.with_name(f"{folder.name}.lock") not in swept
        assert sweeping.sweep() == []
        assert folder.is_dir()

    assert list(temporary.iterdir()) == []


def test_without_locks_nothing_is_swept(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system has no such locks a folder comes and goes, and the dead stay."""
    monkeypatch.setattr(locks, "fcntl", None)
    (temporary / "grader-a.lock").touch()
    (temporary / "grader-a").mkdir()
    with sweeping.workspace() as folder:
        assert folder.is_dir()

    assert {path.name for path in temporary.iterdir()} == {"grader-a", "grader-a.lock"}


CROWD = """
import os, sys
from grader import sweeping
begin = os.pipe()
for number in range(64):
    if os.fork() == 0:
        os.close(begin[1])
        os.read(begin[0], 1)
        try:
            for turn in range(5):
                with sweeping.workspace() as folder:
                    (folder / "a" / "b").mkdir(parents=True)
                    sweeping.sweep()
                    (folder / "a" / "b" / "file").write_text("mine")
                    assert os.listdir(folder) == ["a"]
                    if turn == 4 and number % 4 == 0:
                        os.kill(os.getpid(), 9)
        except BaseException as error:
            print(repr(error), file=sys.stderr)
            os._exit(1)
        os._exit(0)
os.close(begin[0])
os.close(begin[1])
codes = [os.waitpid(-1, 0)[1] for _ in range(64)]
print(sorted(codes).count(0), codes.count(9))
"""


@posix
def test_sixty_four_owners_do_not_sweep_each_other(temporary: Path) -> None:
    """Folders come and go at once in many processes, some killed: none of the living loses its own."""
    done = subprocess.run(
        python(CROWD),
        capture_output=True,
        text=True,
        env=environment(TMPDIR=str(temporary)),
        timeout=120,
        check=False,
    )
    assert (done.stdout.split(), done.stderr) == (["48", "16"], "")
    assert len(sweeping.sweep()) <= 16
    assert list(temporary.iterdir()) == []


def nest(folder: Path, levels: int) -> None:
    """Folders within folders, deeper than a path may be long."""
    script = (
        "import os, sys\n"
        "os.chdir(sys.argv[1])\n"
        "for _ in range(int(sys.argv[2])):\n"
        "    os.mkdir('d'); open('f', 'w').close(); os.symlink('/', 'l'); os.chdir('d')\n"
    )
    subprocess.run(python(script, folder, levels), check=True)


def test_a_folder_of_any_depth_is_removed(tmp_path: Path) -> None:
    """Neither the length of a path nor the depth of a recursion keeps a hand-in's files."""
    (tmp_path / "a").mkdir()
    nest(tmp_path / "a", 1500)
    (tmp_path / "a" / "closed").mkdir(mode=0)
    sweeping.remove_tree(tmp_path / "a")

    assert not (tmp_path / "a").exists()


NESTS = """
import os, pathlib, tempfile
top, mode = os.getcwd(), os.O_RDONLY
for _ in range(1500):
    os.mkdir("d")
    os.chdir("d")
os.chdir(top)
"""


@linux
@pytest.mark.walls
@pytest.mark.parametrize("wall", WALLS, ids=lambda wall: wall.level)
def test_a_hand_in_that_nests_folders_keeps_its_score(
    wall: object, mini: Challenge, temporary: Path
) -> None:
    """A tree that could not be removed by recursion costs nobody the record, and nothing is left of it."""
    assert wall in WALLS
    (chosen,) = [one for one in WALLS if one is wall]
    if chosen.missing():
        pytest.skip(f"{chosen.name}: {chosen.missing()}")
    source = (NESTS + mini.solution.read_text().replace('"""', "#", 2)).encode()
    hand_in = Submission.of("nests.py", {"nests.py": source})
    score = grade_submission(hand_in, Attempt(mini, "nests"), wall=chosen)

    assert (score.status, score.score) == ("graded", 100), score.message
    assert list(temporary.iterdir()) == []


# Many writers.


WRITERS = """
import os, sys
from pathlib import Path
import msgspec
from leaderboard.score import decode
from leaderboard.store import Store
template, store = decode(Path(sys.argv[1]).read_bytes()), Store(sys.argv[2])
begin = os.pipe()
for number in range(64):
    if os.fork() == 0:
        os.close(begin[1])
        os.read(begin[0], 1)
        try:
            for turn in range(3):
                store.add(msgspec.structs.replace(template, seed=f"{number * 3 + turn:x}"))
            store.add(template)
            store.add(msgspec.structs.replace(template, team=f"team {number}"))
        except BaseException as error:
            print(repr(error), file=sys.stderr)
        os._exit(0)
os.close(begin[0])
os.close(begin[1])
for _ in range(64):
    os.waitpid(-1, 0)
"""


@pytest.fixture(scope="module")
def score(mini: Challenge) -> Score:
    """A record: of a hand-in that is not there."""
    from grader.grading import grade

    return grade("/absent.py", Attempt(mini, "red", seed="aaaa"))


@posix
def test_sixty_four_writers_lose_nothing(score: Score, tmp_path: Path) -> None:
    """Different records of one time and hash, equal ones, other teams, all at once: all are there."""
    from leaderboard.score import encode

    (tmp_path / "template").write_bytes(encode(score))
    arguments = python(WRITERS, tmp_path / "template", tmp_path / "store")
    done = subprocess.run(
        arguments, capture_output=True, text=True, env=environment(), timeout=120, check=False
    )
    scores, problems = Store(tmp_path / "store").read()
    ours = sorted(int(one.seed, 16) for one in scores if one.team == "red")
    teams = {one.team for one in scores}

    assert (done.returncode, done.stderr, problems) == (0, "", [])
    assert ours == sorted([*range(192), 0xAAAA])
    assert teams == {"red", *(f"team {number}" for number in range(64))}
    assert len(scores) == 192 + 1 + 64
    assert list((tmp_path / "store").rglob(".*")) == []


@posix
def test_what_a_killed_writer_left_is_swept(score: Score, tmp_path: Path) -> None:
    """The next record of the team removes the half one; that of a writer at work stays."""
    store = Store(tmp_path)
    folder = store.add(score).parent
    (folder / ".half.json.1.0.tmp").write_bytes(b"{")
    with locks.create_held(folder / ".working.json.2.0.tmp"):
        store.add(score)
        assert [path.name for path in folder.glob(".*")] == [".working.json.2.0.tmp"]


# Full and read-only disks.


def small_disk(options: str, then: str) -> list[str]:
    """The start of a command: as its own root, with a small file system of its own at $0."""
    script = f'mount -t tmpfs -o {options} none "$0" && {then}; exec "$@"'
    return ["unshare", "-Urm", "sh", "-c", script]


FILL = 'head -c 300000 /dev/zero > "$0/filler" 2>/dev/null'
DISKS = {
    "no_space": ("size=64k", FILL),
    "no_space_in_a_store": ("size=64k", f'mkdir "$0/store" && {FILL}'),
    "no_inodes": ("nr_inodes=2", 'touch "$0/one"'),
    "read_only": ("size=64k", 'mount -o remount,ro "$0"'),
}
# Enough for Python to find it usable, not for a grading.
NEARLY_FULL = ("size=64k", 'head -c 61440 /dev/zero > "$0/filler"')


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """Where a small file system can be mounted; skips where none can."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if sys.platform != "linux" or not shutil.which("unshare"):
        pytest.skip("needs unshare")
    probe = [*small_disk("size=64k", "true"), str(folder), "true"]
    if subprocess.run(probe, capture_output=True, check=False).returncode:
        pytest.skip("no user namespaces here")
    return folder


def graded_on(
    disk: Path, kind: tuple[str, str], *arguments: object, **env: str
) -> subprocess.CompletedProcess[str]:
    """What `grader grade` says on a small disk of this kind."""
    command = [sys.executable, "-m", "grader", "grade", *map(str, arguments)]
    return subprocess.run(
        [*small_disk(*kind), str(disk), *command],
        capture_output=True,
        text=True,
        env=environment(**env),
        timeout=120,
        check=False,
    )


@linux
@pytest.mark.walls
@pytest.mark.parametrize("as_json", [True, False], ids=["json", "table"])
@pytest.mark.parametrize("kind", DISKS)
def test_a_store_that_takes_nothing_loses_nothing(
    kind: str, as_json: bool, mini: Challenge, disk: Path
) -> None:
    """Full or read-only: exit code 4, where and the cure in words, the record on standard output."""
    more = ["--json"] if as_json else []
    done = graded_on(disk, DISKS[kind], mini.folder, "/absent.py", "--store", disk / "store", *more)

    assert done.returncode == 4, done.stderr
    assert decode(done.stdout.encode()).status == "ungradable"
    assert f"Cannot write a score to {disk / 'store'}" in done.stderr
    assert "--store" in done.stderr
    assert "Traceback" not in done.stderr


@linux
@pytest.mark.walls
def test_a_temporary_folder_that_is_too_small_is_our_fault(
    mini: Challenge, disk: Path, tmp_path: Path
) -> None:
    """Where a grading cannot be laid out: exit code 4 and words, never a lost point or a traceback."""
    store = tmp_path / "store"
    arguments = [mini.folder, mini.solution, "--store", store]
    done = graded_on(disk, NEARLY_FULL, *arguments, TMPDIR=str(disk))

    assert done.returncode == 4, done.stdout + done.stderr
    assert "Free some space" in done.stderr
    assert "Traceback" not in done.stderr
    assert Store(store).read() == ([], [])


def test_no_temporary_folder_at_all_is_our_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that is gone is named, with the setting that cures it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))

    with pytest.raises(GraderFault, match="TMPDIR"), sweeping.workspace():
        pass


@linux
@pytest.mark.walls
def test_a_record_that_standard_output_does_not_take_goes_to_standard_error(
    mini: Challenge, disk: Path
) -> None:
    """The store and the file behind standard output lie on the same full disk: it is still not lost."""
    options, then = DISKS["no_space"]
    command = [sys.executable, "-m", "grader", "grade", str(mini.folder), "/absent.py"]
    start = small_disk(options, f'touch "$0/out"; {then}')
    start[-1] = start[-1].replace('exec "$@"', 'exec "$@" > "$0/out"')
    done = subprocess.run(
        [*start, str(disk), *command, "--store", str(disk / "store")],
        stderr=subprocess.PIPE,
        env=environment(),
        timeout=120,
        check=False,
    )
    record = done.stderr[done.stderr.index(b"{") : done.stderr.rindex(b"}") + 1]

    assert done.returncode == 4
    assert json.loads(record)["status"] == "ungradable"
