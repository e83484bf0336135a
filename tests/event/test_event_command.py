"""`grader event new`: what is made, from what, and what is refused. `grader event run`: what is refused."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from needs import absent

from grader.challenge import find
from grader.cli import main
from grader.events.making import Wanted, rules_in_words, rules_text
from leaderboard.event import load_event

ROSTER = "team,member\nred,Ada\nred,Grace\nBlue Whales,Bob\n東京,\n"


def new(folder: Path, *words: str, roster: str | None = None) -> Result:
    """Make an event in a folder."""
    if roster is not None:
        (folder / "roster.csv").write_text(roster, "utf-8")
        words = (*words, "--teams", str(folder / "roster.csv"))
    return CliRunner().invoke(main, ["event", "new", str(folder / "day"), *words])


def test_a_new_event_is_all_there(tmp_path: Path) -> None:
    """Rules that the leaderboard reads, a folder for each team, a sound repository, texts for everybody."""
    times = ["--opens", "2026-11-28T09:00+01:00", "--closes", "2026-11-28T17:00+01:00"]
    result = new(tmp_path, "--title", "Spring", "--challenges", "4,01", *times, roster=ROSTER)
    day = tmp_path / "day"
    event = load_event(day / "leaderboard.toml")
    told = (day / "PARTICIPANTS.md").read_text("utf-8")

    assert result.exit_code == 0, result.output
    assert event.title == "Spring"
    assert [one.id for one in event.challenges] == ["04", "01"]
    assert [(one.name, one.members) for one in event.teams] == [
        ("red", ("Ada", "Grace")),
        ("Blue Whales", ("Bob",)),
        ("東京", ()),
    ]
    assert event.opens is not None
    assert event.opens.isoformat() == "2026-11-28T09:00:00+01:00"
    assert {path.name for path in (day / "inbox").iterdir()} == {"red", "Blue-Whales", "東京"}
    assert "09:00" in told
    assert "| Blue Whales | `Blue-Whales` |" in told
    assert "$" not in told.replace("$\\", "")
    assert {path.name for path in tmp_path.iterdir()} == {"day", "roster.csv"}


@pytest.mark.skipif(absent("git"), reason="needs git")
def test_the_repository_runs_nothing(tmp_path: Path) -> None:
    """It is bare and sound, checks what is pushed, and has no hook."""
    new(tmp_path)
    repository = tmp_path / "day" / "hand-ins.git"

    def ask(*words: str) -> str:
        command = ["git", "--git-dir", str(repository), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert ask("rev-parse", "--is-bare-repository") == "true"
    assert ask("config", "receive.fsckObjects") == "true"
    assert int(ask("config", "receive.maxInputSize")) > 0
    assert not (repository / "hooks").exists()
    ask("fsck", "--strict")


def test_what_is_there_is_not_overwritten(tmp_path: Path) -> None:
    """A folder with anything in it stays as it is; an empty one is filled."""
    (tmp_path / "day").mkdir()
    assert new(tmp_path).exit_code == 0
    (tmp_path / "day" / "scores" / "precious").touch()
    result = new(tmp_path)

    assert result.exit_code == 2
    assert "is there already" in result.stderr
    assert (tmp_path / "day" / "scores" / "precious").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["day"]


@pytest.mark.parametrize(
    ("roster", "words"),
    [
        ("name\nred\n", "line 1"),
        ("team,member\n,Ada\n", "line 2: the team is missing"),
        ("team,member\nred,Ada,x\n", "line 2: it has more fields"),
        ("team\na b\na-b\n", "share a folder"),
        ("team\nRed\nred\n", "share a folder"),
        ("team\n\x1b[2Jred\n", "cannot be shown"),
        ('team\n"red\n', "CSV"),
    ],
)
def test_a_wrong_roster_makes_nothing(roster: str, words: str, tmp_path: Path) -> None:
    """The line and the reason are named, and no half-made folder stays."""
    result = new(tmp_path, roster=roster)

    assert result.exit_code == 2, result.output
    assert words in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["roster.csv"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--challenges", "77"], "no challenge '77'"),
        (["--opens", "nine"], "--opens"),
        (["--opens", "2026-11-28T09:00Z", "--closes", "2026-11-28T08:00Z"], "closes"),
    ],
)
def test_wrong_options_make_nothing(words: list[str], told: str, tmp_path: Path) -> None:
    """What is no challenge, no time or no span is named."""
    result = new(tmp_path, *words)

    assert result.exit_code == 2, result.output
    assert told in result.stderr
    assert list(tmp_path.iterdir()) == []


names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(title=names, teams=st.dictionaries(names, st.lists(names, max_size=2), max_size=4))
def test_any_name_survives_the_event_file(
    title: str, teams: dict[str, list[str]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Quotes, backslashes, brackets and newlines in names are the same when the file is read."""
    path = tmp_path_factory.mktemp("rules") / "leaderboard.toml"
    path.write_bytes(rules_text(Wanted(title, [find("04")], teams, None, None)).encode())
    event = load_event(path)

    assert event.title == title
    assert {one.name: list(one.members) for one in event.teams} == teams


def test_the_rules_are_told_in_words(tmp_path: Path) -> None:
    """Each key that the event file sets is a sentence."""
    path = tmp_path / "leaderboard.toml"
    path.write_text(
        'attempts = 3\ncooldown = "2m"\ncount = "last"\n[[challenges]]\nid = "05"\nweight = 2\n'
    )
    told = "\n".join(rules_in_words(load_event(path)))

    for words in ("3 attempts", "2m", "latest attempt", "05 count 2 times"):
        assert words in told


def test_run_wants_an_event(tmp_path: Path) -> None:
    """A folder without rules is refused with the command that makes one."""
    result = CliRunner().invoke(main, ["event", "run", str(tmp_path)])

    assert result.exit_code == 2
    assert "grader event new" in result.stderr


def test_run_names_a_challenge_that_nobody_has(tmp_path: Path) -> None:
    """Rules that name a challenge of one's own ask for its folder."""
    new(tmp_path)
    rules = tmp_path / "day" / "leaderboard.toml"
    rules.write_text('[[challenges]]\nid = "77"\n')
    result = CliRunner().invoke(main, ["event", "run", str(tmp_path / "day"), "--once"])

    assert result.exit_code == 2
    assert "'77'" in result.stderr
    assert "--challenge" in result.stderr
