"""A warm pool gives the scores that a cold grading gives, and nothing of a hand-in reaches the next one."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil
import pytest
from test_submissions import EXPECTED, RECORDED, SEED, hand_in

import grader
from grader.challenge import Challenge, find, load
from grader.errors import GradingStopped
from grader.grading import Attempt, grade
from grader.pool import Pool
from grader.submission import Submission, read
from grader.supervising import Follower
from grader.walls import PlainProcess, choose
from leaderboard.score import Score

pytestmark = [
    pytest.mark.walls,
    pytest.mark.skipif(sys.platform != "linux", reason="warm workers are Linux's"),
]
REPOSITORY = Path(grader.__file__).parent.parent
# Its time limit and that of the call in which it hangs are the same: which is first, only a clock knows.
CLOSE_RACE = {"loops_at_import"}


@pytest.fixture(scope="module")
def pool() -> Iterator[Pool]:
    """One slot, for all tests of this module."""
    if choose().level != "strong":
        pytest.skip("there is no strong wall here")
    with Pool() as made:
        yield made


def written(mini: Challenge, trick: str) -> Submission:
    """The worked solution of the mini challenge with some lines before it."""
    text = textwrap.dedent(trick) + "\n" + mini.solution.read_text("utf-8")
    return Submission.of("solution.py", {"solution.py": text.encode()})


def told(score: Score) -> object:
    """Everything in a score that does not depend on clocks and on what a process used."""
    specs = [msgspec.structs.replace(spec, seconds=0.0) for spec in score.specs]
    return score.status, score.score, score.passed, score.message, specs, score.output, score.advice


@pytest.fixture(scope="module")
def graded(
    pool: Pool, mini: Challenge, tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, Score]]:
    """The golden hand-ins in two orders, hostile ones and honest ones as they come."""
    rounds = []
    for number in range(2):
        names = list(RECORDED)
        random.Random(number).shuffle(names)
        scores = {}
        for name in names:
            limits = msgspec.structs.replace(mini.limits, **EXPECTED[name].limits)
            source = hand_in(name, tmp_path_factory.mktemp(name))
            scores[name] = pool.grade(
                str(source), Attempt(mini, "golden", seed=SEED, limits=limits)
            )
        rounds.append(scores)
    return rounds


@pytest.mark.parametrize("name", RECORDED)
def test_golden_hand_ins_end_as_expected(name: str, graded: list[dict[str, Score]]) -> None:
    """Status, points and messages are those of a cold grading, whatever was graded before."""
    expected = EXPECTED[name]
    for scores in graded:
        score = scores[name]
        failed = {spec.name: spec.message for spec in score.specs if spec.outcome == "failed"}

        assert (score.status, score.score) == (expected.status, expected.score), score.message
        assert failed.keys() == expected.failed.keys()
        for spec, pieces in expected.failed.items():
            assert all(piece in failed[spec] for piece in pieces)
        assert name in CLOSE_RACE or all(piece in score.message for piece in expected.message)


@pytest.mark.parametrize("name", [name for name in RECORDED if EXPECTED[name].status == "graded"])
def test_order_does_not_matter(name: str, graded: list[dict[str, Score]]) -> None:
    """The same hand-in and seed give the same record in two orders: no state leaks from one to the next."""
    first, second = graded

    assert told(first[name]) == told(second[name])


@pytest.mark.parametrize("key", ["01", "02", "03", "04"])
def test_warm_and_cold_say_the_same(key: str, pool: Pool) -> None:
    """Solution and a wrong solution get the same record from a pool and from a grading of their own."""
    challenge = find(key)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "solution.py").write_bytes(challenge.solution.read_bytes())
        (folder / "submission.py").write_bytes(challenge.wrong[0].read_bytes())
        attempt = Attempt(challenge, "me", seed="abc")
        for source in (str(challenge.solution), name):
            assert told(pool.grade(source, attempt)) == told(grade(source, attempt))


def test_a_challenge_that_trains_in_two_workers_is_graded_cold(pool: Pool) -> None:
    """The starter of 05 gets its 0 points from the pool too."""
    challenge = find("05")

    assert pool.grade(str(challenge.starter), Attempt(challenge, "me")).score == 0


def test_what_is_graded_cold_is_not_warmed(pool: Pool, mini: Challenge) -> None:
    """Getting ready for 05, or behind a wall that cannot be warm, starts nothing and raises nothing."""
    pool.warm(find("05"))
    before = psutil.Process().children(recursive=True)
    with Pool(1, PlainProcess()) as other:
        other.warm(mini)

    assert set(psutil.Process().children(recursive=True)) <= set(before)


HARM = {
    "stops_the_worker": "import os, signal; os.kill(os.getppid(), signal.SIGSTOP)",
    "ends_the_worker": "import os, signal; os.kill(os.getppid(), signal.SIGKILL)",
    "interrupts_the_worker": "import os, signal; os.kill(os.getppid(), signal.SIGINT)",
    "slows_the_worker_down": "import os; os.setpriority(os.PRIO_PROCESS, os.getppid(), 10)",
    "ranks_the_worker_last": """
        import os
        os.sched_setscheduler(os.getppid(), os.SCHED_IDLE, os.sched_param(0))
    """,
    "binds_the_worker": "import os; os.sched_setaffinity(os.getppid(), [min(os.sched_getaffinity(0))])",
    "limits_the_worker": """
        import os, resource
        resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (20, 20))
    """,
    "leaves_files": """
        import os
        for folder in ("/tmp", "/dev/shm"):
            os.makedirs(f"{folder}/a/b"), open(f"{folder}/a/b/note", "w").write("x")
            os.symlink("/", f"{folder}/link"), os.chmod(f"{folder}/a/b", 0)
    """,
    "waits_for_the_next": """
        import os, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                while True:
                    open("/tmp/still-here", "w").close()
                    time.sleep(0.001)
            os._exit(0)
    """,
    "takes_all_process_numbers": """
        import os, time
        for _ in range(40):
            if os.fork() == 0:
                time.sleep(60)
    """,
    "reads_the_workers_memory": """
        import os
        for name in ("mem", "maps", "environ", "fd"):
            try:
                (os.listdir if name == "fd" else open)(f"/proc/{os.getppid()}/{name}")
            except OSError:
                continue
            raise RuntimeError(name)
    """,
}


LOOKS = """
    import os, resource
    seen = [
        os.getpriority(os.PRIO_PROCESS, 0), os.sched_getscheduler(0), len(os.sched_getaffinity(0)),
        resource.getrlimit(resource.RLIMIT_NOFILE), os.listdir("/tmp"), os.listdir("/dev/shm"),
        sum(name.isdigit() for name in os.listdir("/proc")),
    ]
    print(seen)
"""


@pytest.fixture(scope="module")
def seen_cold(mini: Challenge) -> str:
    """What a hand-in sees of its surroundings in a cold grading."""
    with tempfile.TemporaryDirectory() as name:
        written(mini, LOOKS).write(Path(name))
        return grade(name, Attempt(mini, "me", seed=SEED)).output


@pytest.mark.parametrize("name", HARM)
def test_harm_does_not_reach_the_next_hand_in(
    name: str, pool: Pool, mini: Challenge, seen_cold: str
) -> None:
    """What a hand-in does to the warm worker and leaves beside it is gone when the next one runs."""
    trick = "print('tried')\n" + textwrap.dedent(HARM[name])
    hostile = pool.submit(written(mini, trick), Attempt(mini, "hostile", seed=SEED)).result()
    score = pool.submit(written(mini, LOOKS), Attempt(mini, "honest", seed=SEED)).result()

    assert "tried" in hostile.output
    assert (score.status, score.score) == ("graded", 100), score.message
    # The warm worker itself is one process more than there is in a cold grading.
    assert score.output.replace(", 3]", ", 2]") == seen_cold.replace(", 3]", ", 2]")


class AtOnce(Follower):
    """Stops a grading as soon as it is asked."""

    def stopped(self) -> bool:
        """Now."""
        return True


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("x = normal(rng, 4, 6)", "x = nrmal(rng, 4, 6)", "NameError"),
        ("import torch", "import torch, absent_module", "absent_module"),
    ],
)
def test_a_broken_spec_is_our_fault(
    old: str, new: str, reason: str, pool: Pool, mini: Challenge, tmp_path: Path
) -> None:
    """A spec that fails, or cannot be collected, is `grader_fault` with the reason, as if graded cold."""
    copy = Path(shutil.copytree(mini.folder, tmp_path / mini.key))
    (specs,) = (copy / "specs").glob("test_*.py")
    specs.write_text(specs.read_text("utf-8").replace(old, new, 1), "utf-8")
    broken = load(copy)
    score = pool.submit(read(str(mini.solution), ""), Attempt(broken, "me")).result()

    assert (score.status, score.score) == ("grader_fault", 0)
    assert reason in score.message


def test_a_stopped_grading_makes_room_for_the_next(pool: Pool, mini: Challenge) -> None:
    """A hand-in that hangs has no score when its grading is stopped; the slot grades the next one."""
    attempt = Attempt(mini, "me")
    hanging = pool.submit(written(mini, "while True: pass"), attempt, AtOnce())
    right = pool.submit(read(str(mini.solution), ""), attempt)

    with pytest.raises(GradingStopped):
        hanging.result()
    assert right.result().score == 100


def test_memory_does_not_grow(pool: Pool, mini: Challenge) -> None:
    """After sixty gradings, this process and the warm ones hold what they held after ten."""
    held = []
    for number in range(60):
        submission = written(mini, f"filler = 'x' * {1000 + number}")
        assert pool.submit(submission, Attempt(mini, "me")).result().score == 100
        if number in (9, 59):
            ours = psutil.Process()
            family = [ours, *ours.children(recursive=True)]
            held.append(sum(process.memory_info().rss for process in family) / 2**20)

    assert held[1] - held[0] < 20


def test_slots_grade_side_by_side(mini: Challenge) -> None:
    """Two slots give each of many hand-ins its own score, also to those who wait without blocking."""
    right, wrong = read(str(mini.solution), ""), written(mini, "raise ValueError('no')\n")

    async def both(pool: Pool) -> list[Score]:
        attempt = Attempt(mini, "me")
        return await asyncio.gather(
            *[pool.agrade(right if n % 3 else wrong, attempt) for n in range(9)]
        )

    with Pool(2) as pool:
        scores = asyncio.run(both(pool))

    assert [score.status for score in scores] == ["ungradable", "graded", "graded"] * 3


def test_nothing_is_left_when_a_pool_is_closed(mini: Challenge, tmp_path: Path) -> None:
    """Closing a pool ends its processes and removes its folders."""
    source = f"""
        import sys, tempfile
        from pathlib import Path
        import psutil
        from grader.challenge import load
        from grader.grading import Attempt
        from grader.pool import Pool
        mini = load(Path({str(mini.folder)!r}))
        with Pool() as pool:
            score = pool.grade(str(mini.solution), Attempt(mini, "me"))
        children = psutil.Process().children(recursive=True)
        print(score.score, children, list(Path(tempfile.gettempdir()).iterdir()))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source)],
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": str(REPOSITORY)},
        timeout=120,
        check=False,
    )

    assert done.stdout.split() == ["100", "[]", "[]"], done.stderr


def test_a_warm_worker_refuses_our_own_process_namespace() -> None:
    """A worker that would sweep among the processes of the machine does not even start."""
    source = """
        import importlib.util, os, sys
        from pathlib import Path
        from grader.worker import zygote
        os.kill = None
        zygote.serve(0, Path("/nowhere"), os.readlink("/proc/self/ns/pid"))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(source)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        timeout=60,
        check=False,
    )

    assert "needs a process namespace of its own" in done.stderr


def judges(pool: Pool) -> list[psutil.Process]:
    """The children of warm judges: each judges a hand-in now."""
    found = []
    for process in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if "grader.warm_judge" in process.cmdline():
                found += process.children()
    return found


def test_a_judge_that_dies_is_our_fault(pool: Pool, mini: Challenge) -> None:
    """Where the judge ends in the middle, the record says so instead of blaming the hand-in."""
    waiting = pool.submit(written(mini, "import time; time.sleep(60)"), Attempt(mini, "me"))
    while not judges(pool):
        assert not waiting.done()
        time.sleep(0.02)
    judges(pool)[0].kill()
    score = waiting.result()

    assert (score.status, score.score) == ("grader_fault", 0)
    assert pool.grade(str(mini.solution), Attempt(mini, "me")).score == 100


def test_a_pool_outlives_a_killed_judge(pool: Pool, mini: Challenge) -> None:
    """Where a warm process was killed from outside, the next grading starts a new one."""
    pool.warm(mini)
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.ZombieProcess):
            if "grader.warm_judge" in process.cmdline():
                process.kill()
    time.sleep(0.1)

    assert pool.grade(str(mini.solution), Attempt(mini, "me")).score == 100
