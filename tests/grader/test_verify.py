"""What `grader verify` says of a challenge that its author has not finished."""

from __future__ import annotations

import shutil
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from grader import verify_command
from grader.challenge import Challenge, find, load
from grader.cli import main
from grader.grading import Attempt, grade
from grader.verify import Caught, Report, WrongSolution, _Verifier, second_solutions

Capture = pytest.CaptureFixture[str]


def run(*arguments: object) -> tuple[int, str, str]:
    """Run a command in this process; returns exit code, standard output, standard error."""
    result = CliRunner().invoke(main, [str(one) for one in arguments], prog_name="grader")
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture
def own(mini: Challenge, tmp_path: Path) -> Path:
    """The mini challenge elsewhere, with a stub and without wrong solutions."""
    folder = Path(shutil.copytree(mini.folder, tmp_path / "mine" / mini.key))
    shutil.rmtree(folder / "wrong")
    (folder / "starter.py").write_text("def double(x): ...\n\n\nrow_means = Affine = double\n")
    return folder


def test_a_missing_solution_is_to_be_written(own: Path) -> None:
    """Nobody starts a solution with a stub: what it defines and where it lies is said."""
    (own / "solution.py").unlink()
    code, _, err = run("verify", own)

    assert code == 2
    assert "has no solution, which defines double, row_means, Affine and scores 100" in err
    assert f"Write it: {own / 'solution.py'}" in err


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("# caught-by: test_double\n", "has no advice"),
        ("# advice: Do so.\n", "says neither caught-by nor status"),
        (
            "# caught-by: test_duoble\n# advice: Do so.\n",
            "is caught-by test_duoble, and no spec is called so. Did you mean test_double",
        ),
    ],
    ids=["no_advice", "nothing_catches", "unknown"],
)
def test_what_the_header_of_a_wrong_solution_lacks_is_named(
    header: str, said: str, mini: Challenge, tmp_path: Path
) -> None:
    """Which line is missing, or which spec does not exist, and none of the others."""
    path = tmp_path / "one.py"
    path.write_text('"""One."""\n' + header)
    verifier = _Verifier(mini, 1, lambda name: None)
    verifier._read_wrong(path)

    assert len(verifier._problems) == 1
    assert verifier._problems[0].startswith(f"wrong/one.py: {said}")


def report(challenge: Challenge, seeds: int = 1) -> Report:
    """What verify found of a challenge with one wrong solution, and all is well."""
    wrong = WrongSolution(
        challenge.folder / "wrong" / "one.py", "One.", ("test_double",), "So.", ""
    )
    caught = Caught(wrong, (60,), (("test_double",),), {"test_double": "is wrong"})
    return Report(challenge, seeds, (100,), (0,), {}, {}, (caught,), ())


@pytest.mark.parametrize(("table", "state"), [(None, "missing"), ("[]", "stale")])
def test_a_table_to_be_written_is_named_with_the_command(
    table: str | None, state: str, own: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    """What is missing is not called stale, and the command is for this challenge alone."""
    if table:
        (own / "known_mistakes.json").write_text(table)
    monkeypatch.setattr(verify_command, "verify", lambda one, seeds, on_done: report(one, seeds))

    assert verify_command.run([load(own)], 1, False) is False
    out = capsys.readouterr().out
    assert f"known_mistakes.json is {state}. `grader verify {own} --write` writes it." in out
    assert "1 seed, 1 wrong solution\n" in out


def test_the_kits_page_of_specs_has_only_the_kits_challenges(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table of an own challenge is written beside it, and docs/specs.md of the kit stays."""
    monkeypatch.setattr(verify_command, "verify", lambda one, seeds, on_done: report(one, seeds))
    monkeypatch.setattr(verify_command, "PAGE", tmp_path / "specs.md")

    assert verify_command.run([load(own)], 1, True) is True
    assert [known.name for known in load(own).known_mistakes()] == ["one"]
    assert not (tmp_path / "specs.md").exists()


def test_second_solutions_are_those_of_the_same_clone(mini: Challenge, tmp_path: Path) -> None:
    """An own challenge with a number of the kit's is not held against the kit's solutions."""
    own = tmp_path / "challenges" / "01_mine"
    mine = tmp_path / "tests" / "second_solutions" / "01" / "other.py"
    mine.parent.mkdir(parents=True)
    mine.write_text("x = 1\n")
    challenge = msgspec.structs.replace(mini, folder=own, id="01", slug="mine")

    assert list(second_solutions(challenge)) == [mine]
    assert list(second_solutions(find("01")))


@pytest.mark.parametrize("name", ["jsn", "json.decodr"])
def test_a_module_that_cannot_be_imported_is_named(name: str, own: Path) -> None:
    """A misspelt import is a fault of challenge.toml, and is said before anything is graded."""
    toml = (own / "challenge.toml").read_text()
    (own / "challenge.toml").write_text(f'imports = ["json.decoder", "{name}"]\n{toml}')
    code, _, err = run("verify", own)

    assert code == 4
    assert f"90_mini/challenge.toml: imports: {name} cannot be imported here" in err
    assert f"No module named '{name}'" in err


def test_a_stub_that_is_not_gradable_is_told_so(own: Path) -> None:
    """A stub has to be graded and score 0: one that lacks a name does not, and no numbers are compared."""
    (own / "starter.py").write_text('"""Nothing."""\n')
    score = grade(str(own / "starter.py"), Attempt(load(own), "verify", seed="1"))
    verifier = _Verifier(load(own), 1, lambda name: None)
    verifier._expect("starter", [score], 0)

    (problem,) = verifier._problems
    assert problem.startswith("starter is ungradable, not graded (seed 1). The hand-in must define")


def test_a_hand_in_cannot_be_graded_without_a_solution(own: Path, tmp_path: Path) -> None:
    """A missing solution is our fault, and no full disk."""
    (own / "solution.py").unlink()
    code, out, err = run("grade", own, own / "starter.py", "--store", tmp_path / "store")

    assert code == 4
    assert "90_mini has no solution" in " ".join((out + err).split())
