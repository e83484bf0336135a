"""An event on a disk that is full: a clear sentence, nothing lost, and on it goes when there is space."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import test_never_lost as never_lost

from grader.challenge import Challenge
from grader.events.folder import EventFolder
from grader.walls import choose
from leaderboard.score import decode

disk = never_lost.disk

# On the small disk: copy the event to it, fill it, run, wait for words, free space, wait for scores.
DRIVER = """
import atexit, pathlib, shutil, signal, subprocess, sys, time
event, place, out, challenge, hand_in = sys.argv[1:]
place, out = pathlib.Path(place), pathlib.Path(out)
shutil.copytree(event, place / "event")
filler = open(place / "filler", "wb", buffering=0)
try:
    while True:
        filler.write(b"x" * 1024)
except OSError:
    filler.close()
for number in range(3):
    (place / "event" / "inbox" / "red" / f"90_{number}.py").symlink_to(hand_in)
command = [sys.executable, "-m", "grader", "event", "run", str(place / "event"), "--quiet", "0"]
with (out / "talk").open("wb") as talk, (place / "event" / "log").open("wb") as log:
    run = subprocess.Popen([*command, "--challenge", challenge], stdout=log, stderr=talk)
atexit.register(run.kill)
def wait_until(condition):
    for _ in range(6000):
        if condition():
            return
        assert run.poll() is None, "it ended"
        time.sleep(0.01)
    raise SystemExit("waited in vain")
wait_until(lambda: b"No space left" in (out / "talk").read_bytes())
(place / "filler").unlink()
scores = place / "event" / "scores"
wait_until(lambda: len(list(scores.rglob("*.json"))) == 3)
wait_until(lambda: not list((place / "event" / "queue").iterdir()))
run.send_signal(signal.SIGINT)
code = run.wait()
shutil.copytree(scores, out / "scores")
raise SystemExit(code)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a small file system")
@pytest.mark.parametrize("size", [160, 200])
def test_a_full_disk_ends_no_event(
    size: int, event: EventFolder, mini: Challenge, disk: Path, tmp_path: Path
) -> None:
    """It is told what to do, and with space again each hand-in has its score."""
    if choose().level == "weak" or not shutil.which("unshare"):
        pytest.skip("needs namespaces")
    out = tmp_path / "out"
    out.mkdir()
    start = never_lost.small_disk(f"size={size}k", "true")
    arguments = [event.path, disk, out, mini.folder, mini.solution]
    done = subprocess.run(
        [*start, str(disk), *never_lost.python(DRIVER, *arguments)],
        capture_output=True,
        text=True,
        env=never_lost.environment(),
        timeout=300,
        check=False,
    )
    talk = (out / "talk").read_text("utf-8")
    records = [decode(path.read_bytes()) for path in (out / "scores").rglob("*.json")]

    assert done.returncode == 0, done.stdout + done.stderr + talk
    assert "Free some space" in talk
    assert "Traceback" not in talk
    assert sorted(score.submission.name for score in records) == ["90_0.py", "90_1.py", "90_2.py"]
