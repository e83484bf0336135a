"""grader leaderboard and grader scores: what they print, and how they exit."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from records import hack_day

from grader.cli import main
from leaderboard.formats import FORMATS
from leaderboard.score import DeviceInfo, Score, encode
from leaderboard.store import Store
from leaderboard.text import printable

MakeScore = Callable[..., Score]

EVENT = """
title = "Hack\\u202eday"
closes = 2026-11-23T21:30:00Z
[[challenges]]
id = "05"
weight = 2
[[challenges]]
id = "04"
[[teams]]
name = "red"
[[teams]]
name = "blue"
"""


def run(*arguments: object) -> tuple[int, str, str]:
    """Run a command in this process; returns exit code, standard output, standard error."""
    words = [str(one) for one in arguments]
    result = CliRunner().invoke(main, words, prog_name="grader")
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without an event file is the current one."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")


@pytest.fixture
def store(tmp_path: Path, make_score: MakeScore) -> Store:
    """Three teams at three challenges, on two devices, behind two walls."""
    store = Store(tmp_path / "scores")
    for score in (
        make_score(team="red", challenge="04", score=80),
        make_score(team="red", challenge="05", score=100, minute=10),
        make_score(team="blue", challenge="05", score=60, walls="weak"),
        make_score(team="guest", challenge="05", score=90),
        make_score(team="red", challenge="01", device=DeviceInfo(type="cuda", name="X"), minute=1),
    ):
        store.add(score)
    return store


@pytest.fixture
def event(tmp_path: Path) -> Path:
    """The rules of an event."""
    path = tmp_path / "event.toml"
    path.write_text(EVENT)
    return path


def teams(*arguments: object) -> list[tuple[str, int | None, str]]:
    code, out, _ = run("leaderboard", *arguments, "--format", "json")

    assert code == 0
    return [(row["challenge"], row["rank"], row["team"]) for row in json.loads(out)]


def test_without_an_event_every_challenge_has_its_table(store: Store) -> None:
    """Standings of each challenge, each under its name."""
    code, out, err = run("leaderboard", "--store", store.path)

    assert (code, err) == (0, "")
    assert [line for line in out.splitlines() if line in ("01", "04", "05")] == ["01", "04", "05"]
    assert teams("--store", store.path)[2:] == [
        ("05", 1, "red"),
        ("05", 2, "guest"),
        ("05", 3, "blue"),
    ]


def test_an_event_decides_what_counts(store: Store, event: Path) -> None:
    """Its challenges in its order; late attempts without a rank; teams off the roster last."""
    expected = [("05", 1, "blue"), ("05", None, "red"), ("05", None, "guest"), ("04", 1, "red")]

    assert teams("--store", store.path, "--event", event) == expected
    _, out, _ = run("leaderboard", "--store", store.path, "--event", event)
    assert out.startswith("Hack\\u202eday\n")
    assert "late" in out
    assert "guest" in out


def test_the_event_lies_in_the_store_or_here(store: Store, event: Path) -> None:
    """Without --event the store's own rules apply, then those of the current folder."""
    told = teams("--store", store.path, "--event", event)
    Path("leaderboard.toml").write_bytes(event.read_bytes())
    assert teams("--store", store.path) == told

    (store.path / "leaderboard.toml").write_text('[[challenges]]\nid = "01"')
    assert teams("--store", store.path) == [("01", 1, "red")]
    assert run("leaderboard", "--store", store.path)[2] == ""


def test_a_wrong_event_is_wrong_usage(store: Store, event: Path) -> None:
    """Exit code 2, with the file and the key."""
    event.write_text("titel = 'x'")
    code, _, err = run("leaderboard", "--store", store.path, "--event", event)

    assert code == 2
    assert "event.toml: titel: unknown key; did you mean title?" in err


def test_a_challenge_that_nobody_can_mean_is_warned_about(store: Store, event: Path) -> None:
    """One without scores that the kit does not have either; one of the kit's may wait for its first."""
    event.write_text('[[challenges]]\nid = "4"\n[[challenges]]\nid = "02"')
    code, _, err = run("leaderboard", "--store", store.path, "--event", event)

    assert code == 0
    assert "a challenge '4'" in err
    assert "02" not in err


def test_overall_adds_up(store: Store, event: Path) -> None:
    """One row for each team, the event's weights applied."""
    arguments = ["leaderboard", "--store", store.path, "--event", event, "--overall"]
    code, out, _ = run(*arguments, "--format", "json")

    assert code == 0
    assert [(row["rank"], row["team"], row["total"]) for row in json.loads(out)] == [
        (1, "blue", 120),
        (2, "red", 80),
        (None, "guest", 180),
    ]
    assert "Hack" in run(*arguments)[1]


def test_filters_choose_attempts_and_rows(store: Store) -> None:
    """A team keeps its rank when others are left out; attempts are left out before they rank."""
    at = "--store", store.path

    assert teams(*at, "--team", "guest", "--team", "blue") == [
        ("05", 2, "guest"),
        ("05", 3, "blue"),
    ]
    assert teams(*at, "--device", "cuda") == [("01", 1, "red")]
    assert teams("05", *at, "--walls", "medium") == [("05", 1, "red"), ("05", 2, "guest")]
    assert teams(*at, "--since", "2026-11-23T22:30+01:00") == [("05", 1, "red")]
    assert run("leaderboard", *at, "--since", "1s")[2] == "No attempt fits.\n"


def test_history_and_stats_are_tables_of_their_own(store: Store, event: Path) -> None:
    """Every attempt of a team with what became of it; a line for each challenge."""
    at = "leaderboard", "--store", store.path, "--event", event

    code, out, _ = run(*at, "--history", "red")
    assert code == 0
    assert [line.split()[-2] for line in out.splitlines()[2:]] == [*("stands", "elsewhere", "late")]
    code, out, _ = run(*at, "--stats")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[2:]] == ["04", "05"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--overall", "--stats"], "exclude each other"),
        (["--history", "red", "--team", "red"], "leave out --team"),
        (["--history", "rde"], "Did you mean 'red'"),
        (["--team", "bleu\x1b"], "Did you mean 'blue'"),
        (["--stats", "--team", "nobody"], "No attempt of a team 'nobody'"),
        (["--since", "2026-11-28T09:00"], "no time zone"),
        (["--since", "yesterday"], "write 2h"),
        (["--format", "markdwon"], "Did you mean markdown"),
        (["--walls", "paper"], "strong"),
        (["--event", "nowhere.toml"], "nowhere.toml: No such file"),
    ],
)
def test_wrong_usage_is_told(store: Store, arguments: list[str], words: str) -> None:
    """Exit code 2, and what would be right; nothing on standard output."""
    code, out, err = run("leaderboard", "--store", store.path, *arguments)

    assert (code, out) == (2, "")
    assert words in err
    assert printable(err, multiline=True) == err


@pytest.mark.parametrize("fmt", ["simple", "markdown", "html", "csv", "json"])
@pytest.mark.parametrize(
    "what", [[], ["--overall"], ["--stats"], ["--history", "\x1b]0;x\x07<b>|"]]
)
def test_hostile_names_stay_in_their_cells(
    tmp_path: Path, make_score: MakeScore, fmt: str, what: list[str]
) -> None:
    """A team's name moves no cursor, opens no tag and makes no cell."""
    store = Store(tmp_path / "hostile")
    store.add(make_score(team="\x1b]0;x\x07<b>|", advice="\x1b[2J<b>|"))
    code, out, err = run("leaderboard", "--store", store.path, "--format", fmt, *what)

    assert (code, err) == (0, "")
    assert printable(out, multiline=True) == out
    assert fmt not in ("html", "markdown") or "<b>|" not in out


def test_every_format_is_offered(store: Store) -> None:
    """Whatever tabulate can do, and those for programs."""
    for fmt in FORMATS:
        assert run("leaderboard", "05", "--store", store.path, "--format", fmt)[0] == 0, fmt


def test_one_store_gives_one_table(tmp_path: Path) -> None:
    """10,000 records under other names, times and folders, and merged twice, give the same tables.

    There is no index whose loss could change them: every command reads every record.
    """
    drawn = random.Random(4)
    first, second = Store(tmp_path / "first"), Store(tmp_path / "second")
    scores = list(hack_day(10_000, [f"team {number}" for number in range(60)]))
    event = tmp_path / "event.toml"
    rules = "closes = 2026-11-28T13:00:00Z\nattempts = 40\n"
    event.write_text(f'{rules}[[challenges]]\nid = "04"\n[[challenges]]\nid = "05"\nweight = 2\n')
    for number, score in enumerate(drawn.sample(scores, len(scores))):
        # Not by Store.add, whose syncs take most of a second for each thousand.
        folder = first.path / f"{number % 7}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{drawn.randrange(10**12)}.json"
        path.write_bytes(encode(score))
        os.utime(path, (number, number))
    copy_renamed(first.path, second.path, drawn)

    for what in ([], ["--overall"], ["--stats"], ["--history", "team 3"]):
        at = ["--event", event, *what]
        told = run("leaderboard", "--store", first.path, *at)[1]
        assert told.count("\n") > 3
        assert run("leaderboard", "--store", second.path, *at)[1] == told
    assert run("scores", "merge", first.path, second.path, "--store", first.path)[0] == 0
    assert len(list(first.path.rglob("*.json"))) == len(scores)


def copy_renamed(source: Path, target: Path, drawn: random.Random) -> None:
    """Copy the records under other names, some of them twice."""
    target.mkdir()
    for path in source.rglob("*.json"):
        for _ in range(drawn.choice([1, 1, 2])):
            (target / f"{drawn.randrange(10**12)}.json").write_bytes(path.read_bytes())


def test_check_tells_by_its_exit_code(store: Store, tmp_path: Path) -> None:
    """0 nothing, 1 problems, 2 no such store."""
    code, out, err = run("scores", "check", "--store", store.path)
    assert (code, out) == (0, "")
    assert "5 scores, 0 problems" in err

    (store.path / "\x1b[2J.json").write_text("{")
    code, out, _ = run("scores", "check", "--store", store.path)
    assert code == 1
    assert printable(out, multiline=True) == out
    assert run("scores", "check", "--store", tmp_path / "nowhere")[0] == 2


def test_merge_says_how_many_were_new(store: Store, tmp_path: Path) -> None:
    """The second time none is; what is skipped is named, and exit code 1."""
    target = tmp_path / "target"
    merge = "scores", "merge", store.path, "--store", target

    assert run(*merge)[:2] == (0, f"{store.path}: 5 new\n")
    assert run(*merge)[:2] == (0, f"{store.path}: 0 new\n")
    (store.path / "broken.json").write_text("{")
    code, out, err = run(*merge)
    assert (code, out) == (1, f"{store.path}: 0 new\n")
    assert "skipped" in err
    assert Store(target).read()[0] == store.read()[0]
    assert run("scores", "merge", tmp_path / "nowhere", "--store", target)[0] == 2


def test_an_interrupted_merge_says_what_stays(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C ends it between two records, and the same command does the rest."""
    add, target, added = Store.add, tmp_path / "target", []

    def interrupted(self: Store, score: Score) -> Path:
        if len(added) == 2:
            raise KeyboardInterrupt
        added.append(add(self, score))
        return added[-1]

    merge = "scores", "merge", store.path, "--store", target
    with monkeypatch.context() as patch:
        patch.setattr(Store, "add", interrupted)
        code, _, err = run(*merge)

    assert (code, len(Store(target).read()[0])) == (130, 2)
    assert "What was copied stays" in err
    assert run(*merge)[:2] == (0, f"{store.path}: 3 new\n")


@pytest.mark.parametrize(("fmt", "lines"), [("jsonl", 5), ("csv", 6)])
def test_export_goes_out_or_into_a_file(store: Store, tmp_path: Path, fmt: str, lines: int) -> None:
    """The same text on standard output and in the file, and nothing beside the file."""
    out = tmp_path / "out" / "scores"
    out.parent.mkdir()
    export = "scores", "export", "--store", store.path, "--format", fmt
    text = run(*export)[1]

    assert run(*export, "--out", out) == (0, "", "")
    assert out.read_text("utf-8") == text
    assert text.count("\n") == lines
    assert list(out.parent.iterdir()) == [out]


def test_an_export_that_cannot_be_written_is_told(store: Store, tmp_path: Path) -> None:
    """Exit code 4, with the file."""
    code, _, err = run("scores", "export", "--store", store.path, "--out", tmp_path / "no" / "x")

    assert code == 4
    assert "Cannot write" in err


def test_parquet_needs_somebody_elses_library(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without one, the error names the command; with one it gets plain columns and a file."""
    export = "scores", "export", "--store", store.path, "--format", "parquet"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    code, _, err = run(*export, "--out", tmp_path / "x.parquet")
    assert code == 2
    assert "pip install pyarrow" in err

    seen: list[Any] = []
    fake = ModuleType("polars")

    def frame(columns: dict[str, list[Any]], infer_schema_length: None) -> SimpleNamespace:
        seen.append(columns)
        return SimpleNamespace(write_parquet=lambda file: file.write(b"PAR1"))

    fake.DataFrame = frame  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "polars", fake)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name == "polars" or None)
    assert run(*export, "--out", tmp_path / "x.parquet")[0] == 0
    assert (tmp_path / "x.parquet").read_bytes() == b"PAR1"
    assert sorted(seen[0]["score"]) == [40, 60, 80, 90, 100]
    assert run(*export)[0] == 2


def test_the_commands_stay_light(store: Store) -> None:
    """Neither torch nor pytest nor numpy is imported by any of them."""
    script = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from grader.cli import main\n"
        "at = ['--store', sys.argv[1]]\n"
        "for words in (['leaderboard', '--overall'], ['leaderboard', '--stats'], ['scores', 'check'],\n"
        "              ['scores', 'export'], ['scores', 'merge', sys.argv[1]]):\n"
        "    result = CliRunner().invoke(main, words + at)\n"
        "    assert result.exit_code == 0, (words, result.output)\n"
        "print(sorted({'torch', 'pytest', 'numpy', 'rich'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(store.path)], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "[]"


def test_every_command_of_the_group_has_an_example() -> None:
    """The help of each shows how it is used, and explains every option."""
    group: Any = main.commands["scores"]

    for name, command in group.commands.items():
        assert "Example:" in run("scores", name, "--help")[1], name
        assert all(one.help for one in command.params if one.param_type_name == "option")
