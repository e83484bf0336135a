"""The kit works from an installed wheel, far from any clone."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from leaderboard.score import decode

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The kit's wheel, built from this clone."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "-q",
        "--no-deps",
        "-w",
        str(folder),
        str(ROOT),
    ]
    subprocess.run(command, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel; what the kit requires comes from this environment."""
    folder = tmp_path_factory.mktemp("installed") / "env"
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    target = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    site = target / "site-packages"
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(site)]
    subprocess.run([*command, str(wheel)], check=True, capture_output=True)
    # A line of a .pth file is a folder last in the path, whose own .pth files do not count: the clone
    # is not found through it. (A sitecustomize.py would be shadowed by the one that Debian has.)
    (site / "ours.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    return python


@pytest.mark.slow
@pytest.mark.walls
@pytest.mark.skipif(sys.platform == "win32", reason="paths of a POSIX environment")
def test_a_wheel_grades_from_anywhere(python: Path, tmp_path: Path) -> None:
    """Installed from a wheel, `start`, `grade` and `page` work in an empty folder."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "GRADER"))}

    def grader(*words: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [str(python), "-m", "grader", *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            check=False,
        )

    where = subprocess.run(
        [str(python), "-c", "import grader; print(grader.__file__)"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(ROOT) not in where.stdout
    started = grader("start", "04")
    assert started.returncode == 0, started.stderr.decode()
    graded = grader("grade", "04", "--json")
    made = grader("page", "--out", "page")

    assert graded.returncode == 1, graded.stderr.decode()
    score = decode(graded.stdout)
    assert (score.status, score.score) == ("graded", 0)
    assert len(list((tmp_path / "leaderboard" / "scores").rglob("*.json"))) == 1
    assert made.returncode == 0, made.stderr.decode()
    assert (tmp_path / "page" / "challenge-04.html").is_file()
