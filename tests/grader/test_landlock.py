"""Landlock: what is allowed around what is hidden, and that nothing of it can be got round."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from wall_conformance import stage

from grader.challenge import Limits
from grader.walls import PlainProcess
from grader.worker import landlock

pytestmark = pytest.mark.skipif(not landlock.newest(), reason="the kernel has no Landlock")
KIT = Path(__file__).parents[2]
# Confines itself as it is told, and then does what it is told; both are read first.
CONFINED = """
import ctypes, os, sys
from pathlib import Path
from grader.worker import landlock, privileges
root = Path(sys.argv[1])
confinement = {"abi": landlock.newest(), "hidden": [], "read": [], "write": [], "devices": []}
confinement |= {"system": [], **eval(sys.argv[2])}
privileges.drop(ctypes.CDLL(None))
landlock.confine(**confinement)
try:
    print(eval(sys.argv[3]))
except OSError as error:
    print(type(error).__name__)
"""


def confined(root: Path, action: str, **confinement: list[str]) -> str:
    """What an action says, an expression of `root` and `os`, in a process that has confined itself."""
    command = [sys.executable, "-c", CONFINED, str(root), repr(confinement), action]
    return subprocess.run(
        command, cwd=KIT, env={"PYTHONPATH": str(KIT)}, capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A library with something hidden in it, beside what is shown and below it, and links to that."""
    for name in (
        "shown/module.py",
        "secret/answer.py",
        "version/secret/answer.py",
        "version/module.py",
    ):
        path = tmp_path / "lib" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "lib" / "alias").symlink_to("secret")
    (tmp_path / "lib" / "outside").symlink_to(tmp_path / "diary")
    (tmp_path / "diary").write_text("private")
    return tmp_path


def hidden(library: Path) -> list[str]:
    """What is hidden in it."""
    return [str(library / "lib" / "secret"), str(library / "lib" / "version" / "secret")]


def test_what_is_hidden_is_left_out(library: Path) -> None:
    """A folder with something hidden in it may be listed; read may be its other entries, but no links."""
    folder = library / "lib"
    rights = dict(landlock._around(str(folder), set(hidden(library))))

    assert rights == {
        str(folder): landlock.READ_DIR,
        str(folder / "shown"): landlock.READ,
        str(folder / "version"): landlock.READ_DIR,
        str(folder / "version" / "module.py"): landlock.READ,
    }


@pytest.mark.parametrize(
    ("path", "seen"),
    [
        ("lib/shown/module.py", "shown/module.py"),
        ("lib/version/module.py", "version/module.py"),
        ("lib/secret/answer.py", "PermissionError"),
        ("lib/alias/answer.py", "PermissionError"),
        ("lib/version/secret/answer.py", "PermissionError"),
        ("lib/shown/../secret/answer.py", "PermissionError"),
        ("lib/outside", "PermissionError"),
        ("diary", "PermissionError"),
    ],
)
def test_what_is_hidden_cannot_be_read(path: str, seen: str, library: Path) -> None:
    """What a shown folder hides is not there under any name, and neither is what a link in it leads to."""
    action = f"(root / {path!r}).read_text()"

    assert confined(library, action, system=[str(library / "lib")], hidden=hidden(library)) == seen


@pytest.mark.parametrize(
    ("action", "seen"),
    [
        ("(root / 'scratch/new').write_text('x')", "1"),
        ("os.rename(root / 'scratch/a', root / 'scratch/below/a')", "None"),
        ("os.link(root / 'lib/shown/module.py', root / 'scratch/mine')", "OSError"),
        ("os.rename(root / 'lib/shown/module.py', root / 'scratch/mine')", "PermissionError"),
        ("os.link(root / 'diary', root / 'scratch/mine')", "OSError"),
        ("os.rename(root / 'scratch', root / 'other')", "PermissionError"),
        ("os.rename(root / 'scratch/a', root / 'lib/shown/a')", "PermissionError"),
        ("(root / 'lib/shown/module.py').write_text('x')", "PermissionError"),
        ("os.mknod(root / 'scratch/disk', 0o60600, 0)", "PermissionError"),
        ("os.execv(root / 'scratch/a', ['a'])", "PermissionError"),
    ],
)
def test_only_the_scratch_folder_changes(action: str, seen: str, library: Path) -> None:
    """In a writable folder files come and go; nothing is moved or linked into it or out of it."""
    (library / "scratch" / "below").mkdir(parents=True)
    program = library / "scratch" / "a"
    program.write_text("#!/bin/true\n")
    program.chmod(0o755)
    places = {"system": [str(library / "lib")], "write": [str(library / "scratch")]}

    assert confined(library, action, hidden=hidden(library), **places) == seen


@pytest.mark.walls
def test_a_worker_that_cannot_confine_itself_runs_nothing(tmp_path: Path) -> None:
    """Where a rule is refused, the worker ends before any code of the hand-in runs."""
    job = stage(tmp_path, "found(1)", Limits(), {})
    no_folder = job.hand_in / "submission.py" / "rig.py"
    refused = msgspec.structs.replace(job, rig=no_folder)
    pipe = subprocess.PIPE
    running = PlainProcess().start(refused, subprocess.DEVNULL, pipe, pipe)
    said, errors = running.process.communicate()

    assert (said, running.poll()) == (b"", 1)
    assert b"NotADirectoryError" in errors
