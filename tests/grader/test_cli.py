"""The command line: its words, its exit codes, and what it leaves on disk."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from grader import challenge as challenges
from grader.challenge import Challenge
from grader.cli import main
from leaderboard.score import decode


def run(*arguments: str) -> tuple[int, str, str]:
    """Run a command in this process; returns exit code, standard output, standard error."""
    result = CliRunner().invoke(main, arguments, prog_name="grader")
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def right(mini: Challenge, tmp_path: Path) -> Path:
    """A right hand-in for the mini challenge."""
    path = tmp_path / "right.py"
    path.write_bytes(mini.solution.read_bytes())
    return path


def test_list_names_every_challenge(tmp_path: Path) -> None:
    """`grader list` shows id, title and points of every challenge."""
    code, out, _ = run("list", "--store", str(tmp_path))

    assert code == 0
    for one in challenges.all_challenges():
        assert one.id in out
        assert one.title in out


def test_list_shows_the_others_beside_a_broken_challenge(
    mini: Challenge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A challenge that cannot be read is told of and hides no other one."""
    for number in ("90", "91"):
        folder = Path(shutil.copytree(mini.folder, tmp_path / f"{number}_mini"))
        toml = (folder / "challenge.toml").read_text()
        (folder / "challenge.toml").write_text(toml.replace('id = "90"', f'id = "{number}"'))
    (tmp_path / "90_mini" / "specs" / "test_mini.py").write_text("def (:")
    monkeypatch.setattr(challenges, "data_folder", lambda name: tmp_path)

    code, out, err = run("list", "--store", str(tmp_path / "store"))

    assert code == 4
    assert "91" in out
    assert "90_mini/specs/test_mini.py" in err


@pytest.mark.parametrize("wanted", ["04", "4", "causal_attention", "04_causal_attention"])
def test_a_challenge_is_found_by_number_name_and_folder(wanted: str) -> None:
    """A challenge answers to its number, its name and its folder."""
    assert challenges.find(wanted).key == "04_causal_attention"


def test_an_unknown_challenge_gets_near_matches() -> None:
    """A misspelled challenge is exit code 2 and a suggestion."""
    code, _, err = run("brief", "causal_atention")

    assert code == 2
    assert "causal_attention" in err


def test_start_copies_stub_and_brief(tmp_path: Path) -> None:
    """`grader start` puts stub and brief where it is told."""
    code, out, _ = run("start", "04", "--to", str(tmp_path / "mine"))

    assert code == 0
    stub = tmp_path / "mine" / "04_causal_attention.py"
    assert stub.read_bytes() == challenges.find("04").starter.read_bytes()
    assert stub.with_suffix(".md").read_bytes() == challenges.find("04").brief.read_bytes()
    assert str(stub) in out


def test_start_never_overwrites(tmp_path: Path) -> None:
    """`grader start` leaves a file of the learner's alone unless it is forced."""
    mine = tmp_path / "04_causal_attention.py"
    mine.write_text("my work")

    code, _, err = run("start", "04", "--to", str(tmp_path))

    assert (code, mine.read_text()) == (2, "my work")
    assert "--force" in err
    assert run("start", "04", "--to", str(tmp_path), "--force")[0] == 0
    assert mine.read_text() != "my work"


@pytest.mark.parametrize("where", ["a_file.py/x", "a_file.py/x/y", "a_folder"])
def test_start_where_nothing_can_be_written_is_wrong_usage(where: str, tmp_path: Path) -> None:
    """A folder that cannot be made, or not be written to, is one sentence with the way out."""
    (tmp_path / "a_file.py").write_text("mine")
    (tmp_path / "a_folder" / "04_causal_attention.py").mkdir(parents=True)

    code, _, err = run("start", "04", "--to", str(tmp_path / where), "--force")

    assert code == 2
    assert err.startswith(f"Cannot write into {tmp_path / where}: ")
    assert "--to DIR" in err


def test_brief_is_rendered() -> None:
    """`grader brief` prints the brief as text, hints with their headings."""
    code, out, _ = run("brief", "04")

    assert code == 0
    assert "CausalSelfAttention" in out
    assert "<summary>" not in out


def test_grade_without_a_started_file_says_how_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a path and without a started file, the learner is told to start."""
    monkeypatch.chdir(tmp_path)

    code, _, err = run("grade", "04")

    assert code == 2
    assert "grader start 04" in err


@pytest.mark.parametrize("device", ["gpu", "cuda:x", "tpu"])
def test_a_device_that_is_none_is_wrong_usage(device: str, right: Path) -> None:
    """An unknown device is exit code 2."""
    assert run("grade", "04", str(right), "--device", device)[0] == 2


@pytest.mark.parametrize("seed", ["xyz", "", "A0", "0" * 40])
def test_a_seed_that_is_none_is_wrong_usage(seed: str, right: Path) -> None:
    """A seed is hexadecimal as a score has it."""
    assert run("grade", "04", str(right), "--seed", seed)[0] == 2


@pytest.mark.walls
def test_grade_prints_saves_and_shows(mini: Challenge, right: Path, tmp_path: Path) -> None:
    """A grading prints a table without colour, saves one record, and `show` finds it again."""
    store = tmp_path / "store"

    code, out, _ = run("grade", str(mini.folder), str(right), "--store", str(store))

    assert code == 0
    assert "100/100" in out
    assert "✓" in out
    assert "\x1b" not in out
    (record,) = store.rglob("*.json")
    assert str(record) in out
    score = decode(record.read_bytes())
    assert "100/100" in run("show", score.id[:12], "--store", str(store))[1]
    assert score.team in run("leaderboard", "--store", str(store))[1]


@pytest.mark.walls
def test_json_is_one_score_and_nothing_else(mini: Challenge, right: Path, tmp_path: Path) -> None:
    """--json puts exactly one record on standard output; --no-save leaves nothing behind."""
    store = tmp_path / "store"
    arguments = ["grade", str(mini.folder), str(right), "--json", "--no-save", "--team", "ada"]

    code, out, _ = run(*arguments, "--store", str(store), "--seed", "1f")

    assert code == 0
    score = decode(out.encode())
    assert (score.team, score.seed, score.score) == ("ada", "1f", 100)
    assert not store.exists()


@pytest.mark.walls
def test_what_is_stronger_than_the_machine_is_refused(right: Path) -> None:
    """--require-walls accepts what stands and only that."""
    from grader.walls import LEVELS, choose

    best = choose()

    code, _, _ = run("grade", "04", str(right), "--require-walls", "strong", "--no-save")

    assert (code == 2) == (LEVELS[best.level] < LEVELS["strong"])


def test_help_of_every_command_has_an_example() -> None:
    """Every command's help shows how it is used."""
    for name in main.commands:
        assert "Example:" in run(name, "--help")[1], name


def test_every_option_is_explained() -> None:
    """Every option has a help text."""
    for name, command in main.commands.items():
        for parameter in command.params:
            if parameter.param_type_name == "option" and "--seeds" not in parameter.opts:
                assert getattr(parameter, "help", None), f"{name} {parameter.opts}"


def test_light_commands_import_neither_torch_nor_pytest(tmp_path: Path) -> None:
    """list, start, --help and leaderboard work without the heavy imports."""
    script = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from grader.cli import main\n"
        "for words in (['--help'], ['list', '--store', sys.argv[1]], ['start', '01', '--to', sys.argv[1]],"
        " ['leaderboard', '--store', sys.argv[1]], ['brief', '01']):\n"
        "    result = CliRunner().invoke(main, words)\n"
        "    assert result.exit_code == 0, (words, result.output)\n"
        "print(sorted({'torch', 'pytest', 'numpy', 'watchfiles'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"


def test_the_shell_completes_challenges() -> None:
    """Tab offers the challenges with their titles."""
    environment = {**os.environ, "_GRADER_COMPLETE": "bash_complete"}
    environment |= {"COMP_WORDS": "grader grade 0", "COMP_CWORD": "2"}
    done = subprocess.run(
        [sys.executable, "-c", "from grader.cli import main; main(prog_name='grader')"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert "04" in done.stdout


def test_exit_codes_follow_the_status() -> None:
    """0 passed, 1 not passed, 3 not gradable, 4 our fault."""
    from grader.cli import exit_code
    from grader.grading import Attempt, build_score
    from grader.submission import unreadable
    from grader.supervising import Outcome
    from grader.verdict import Verdict

    attempt = Attempt(challenges.find("04"), "ada")

    def code(status: str) -> int:
        verdict = Verdict(status, "", [], None, "", "")  # type: ignore[arg-type]
        outcome = Outcome([verdict], "", (), 0.0, 0.0, 0.0)
        return exit_code(build_score(attempt, unreadable("x.py"), outcome, "1", "none"))

    statuses = ["ungradable", "timeout", "out_of_memory", "crashed", "violation", "grader_fault"]
    assert [code(status) for status in statuses] == [3, 3, 3, 3, 3, 4]
    score = build_score(
        attempt,
        unreadable("x.py"),
        Outcome([Verdict("ungradable", "", [], None, "", "")], "", (), 0.0, 0.0, 0.0),
        "1",
        "none",
    )
    assert exit_code(msgspec.structs.replace(score, status="graded", passed=False)) == 1
    assert exit_code(msgspec.structs.replace(score, status="graded", passed=True)) == 0


def test_modules_beside_a_hand_in_are_not_imported(tmp_path: Path) -> None:
    """`python -m grader` in a hand-in's folder imports nothing from it."""
    for name in ("click", "msgspec", "rich", "json", "tomllib"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('the hand-in ran here')\n")
    command = [sys.executable, "-m", "grader", "list"]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)

    assert (done.returncode, done.stderr) == (0, b"")
