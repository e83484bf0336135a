"""A challenge folder as data: what is read, what is refused, and how it is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from grader import challenge as challenges
from grader.challenge import (
    Challenge,
    KnownMistake,
    Limits,
    all_challenges,
    data_folder,
    find,
    load,
)
from grader.errors import ChallengeError, GraderFault, UnknownChallengeError, UsageError

TOML = """
id = "91"
slug = "made"
title = "Made for a test"
guide = "0. None"
summary = "Nothing."
names = ["f"]
"""
SPECS = '''
import pytest


def helper():
    """No spec."""


@pytest.mark.points(60)
def test_one(submission):
    """The first promise.

    More about it.
    """


@pytest.mark.needs("test_one")
@pytest.mark.points(40)
def test_two(submission):
    """The second promise."""
'''
Make = Callable[..., Path]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """A challenge folder with this content."""

    def write(toml: str | bytes = TOML, name: str = "91_made", **specs: str) -> Path:
        folder = tmp_path / name
        (folder / "specs").mkdir(parents=True)
        data = toml if isinstance(toml, bytes) else toml.encode()
        (folder / "challenge.toml").write_bytes(data)
        (folder / "solution.py").write_text("def f(): ...\n")
        for stem, text in (specs or {"test_made": SPECS}).items():
            (folder / "specs" / f"{stem}.py").write_text(text)
        return folder

    return write


def test_specs_are_read_without_running_them(make: Make) -> None:
    """Names, titles, points and needs come from the source, in order; helpers are no specs."""
    challenge = load(make(test_made="raise SystemExit  # never run\n" + SPECS))
    specs = [(spec.name, spec.title, spec.points, spec.needs) for spec in challenge.specs]

    assert specs == [
        ("test_one", "The first promise.", 60, ()),
        ("test_two", "The second promise.", 40, ("test_one",)),
    ]


def test_what_is_not_said_has_a_default(make: Make) -> None:
    """A challenge without limits has the ordinary ones, passes at 100, and has no rig or metric."""
    challenge = load(make())

    assert (challenge.key, challenge.passing, challenge.limits) == ("91_made", 100, Limits())
    assert (challenge.rig, challenge.metric, challenge.train) == (None, None, None)
    assert challenge.known_mistakes() == []


def test_files_of_specs_follow_each_other_by_name(make: Make) -> None:
    """Specs of several files stand in the order of the files' names."""
    one, two = SPECS.split('@pytest.mark.needs("test_one")\n')
    folder = make(test_2_b="import pytest\n" + two, test_1_a=one, helpers="import absent")

    assert [spec.name for spec in load(folder).specs] == ["test_one", "test_two"]


def spec(replace: str, by: str) -> str:
    """The specs with something replaced."""
    assert replace in SPECS
    return SPECS.replace(replace, by)


BAD_SPECS = {
    "too_few_points": (spec("points(40)", "points(39)"), "the points sum to 99, not 100"),
    "too_many_points": (spec("points(40)", "points(41)"), "the points sum to 101, not 100"),
    "no_points": (
        spec("@pytest.mark.points(40)\n", ""),
        "91_made/specs/test_made.py: test_two has no points. Mark it with @pytest.mark.points(n).",
    ),
    "negative_points": (
        spec("points(40)", "points(-1)"),
        "test_two has points(-1). It takes one whole number",
    ),
    "points_that_need_a_remark": (
        spec("points(60)", "points(0)").replace("points(40)", "points(100)"),
        "91_made/specs/test_made.py: test_two has points and needs test_one, which has none",
    ),
    "half_points": (
        spec("points(40)", "points(40.0)"),
        "test_two has points(40.0). It takes one whole",
    ),
    "points_by_keyword": (
        spec("points(40)", "points(n=40)"),
        "test_two has points(). It takes one whole number",
    ),
    "points_by_name": (spec("points(40)", "points(FORTY)"), "test_two"),
    "no_docstring": (
        spec('    """The second promise."""', "    pass"),
        "test_made.py: test_two has no docstring.",
    ),
    "empty_title": (spec('"""The second promise."""', '""" """'), "test_two has no docstring."),
    "another_marker": (
        spec("points(40)", "xfail()"),
        "test_two is marked with @pytest.mark.xfail()",
    ),
    "parametrised": (
        spec("@pytest.mark.points(40)", '@pytest.mark.parametrize("n", [1])'),
        "91_made/specs/test_made.py: test_two is marked with @pytest.mark.parametrize('n', [1]). Only",
    ),
    "the_same_name_twice": (spec("test_two", "test_one"), "two specs are called test_one"),
    "needs_what_is_not_there": (
        spec('needs("test_one")', 'needs("test_onne")'),
        "91_made/specs/test_made.py: test_two needs test_onne, which no earlier spec is called."
        " Did you mean test_one?",
    ),
    "true_points": (spec("points(40)", "points(True)"), "test_two has points(True)"),
    "needs_itself": (spec('needs("test_one")', 'needs("test_two")'), "test_two needs test_two"),
    "a_class": (
        SPECS + "\nclass TestMore:\n    pass\n",
        "test_made.py: TestMore: specs are functions",
    ),
    "none": ("import pytest\n", "the points sum to 0, not 100"),
    "syntax_error": (SPECS + "\ndef (:\n", "test_made.py"),
}


@pytest.mark.parametrize("name", BAD_SPECS)
def test_specs_that_contradict_themselves_are_refused(name: str, make: Make) -> None:
    """A list of specs that does not add up is our fault, found before anything is graded."""
    text, reason = BAD_SPECS[name]

    with pytest.raises(ChallengeError) as caught:
        load(make(test_made=text))

    assert reason in str(caught.value)
    assert isinstance(caught.value, GraderFault)


BAD_TOML: dict[str, tuple[str | bytes, str]] = {
    "no_toml": ("id = ", "challenge.toml"),
    "a_field_missing": (TOML.replace('title = "Made for a test"\n', ""), "title"),
    "a_field_too_many": (TOML + 'colour = "red"\n', "colour"),
    "a_limit_too_many": (TOML + "[limits]\nmemory_gb = 3\n", "memory_gb"),
    "a_limit_of_another_type": (TOML + '[limits]\nwall_s = "60"\n', "wall_s"),
    "more_than_all_points": (
        TOML + "passing = 130\n",
        "91_made/challenge.toml: Expected `int` <= 100",
    ),
    "passing_without_points": (TOML + "passing = 0\n", "$.passing"),
    "no_names": (TOML.replace('names = ["f"]', "names = []"), "$.names"),
    "a_negative_limit": (TOML + "[limits]\nwall_s = -3\n", "$.limits.wall_s"),
    "no_time": (TOML + "[limits]\ncall_s = 0\n", "$.limits.call_s"),
    "no_memory": (TOML + "[limits]\nmemory_mb = 0\n", "$.limits.memory_mb"),
    "no_training": (TOML + "[train]\nseconds = 0.0\n", "$.train.seconds"),
    "another_id": (TOML.replace('"91"', '"92"'), "the folder must be called 92_made"),
    "private_but_not_there": (TOML + 'private = ["test_zero"]\n', "private: no spec test_zero"),
    "private_but_needed": (
        TOML + 'private = ["test_one"]\n',
        "91_made/challenge.toml: private: test_two is public and needs test_one, which is private "
        "(91_made/specs/test_made.py)",
    ),
    "all_private": (TOML + 'private = ["test_one", "test_two"]\n', "no public spec has points"),
    "toml_not_utf8": (TOML.encode() + b"# \xff\n", "challenge.toml"),
}


def test_a_spec_is_private_if_the_toml_says_so(make: Make) -> None:
    """The mark stands beside the challenge, not in the spec."""
    challenge = load(make(TOML + 'private = ["test_two"]\n'))

    assert [(spec.name, spec.private) for spec in challenge.specs] == [
        ("test_one", False),
        ("test_two", True),
    ]


@pytest.mark.parametrize("name", BAD_TOML)
def test_a_toml_that_is_not_understood_is_refused(name: str, make: Make) -> None:
    """What is misspelt, missing or of another type in challenge.toml is named."""
    toml, reason = BAD_TOML[name]

    with pytest.raises(ChallengeError) as caught:
        load(make(toml))

    assert reason in str(caught.value)


def test_a_folder_without_toml_is_refused(tmp_path: Path) -> None:
    """A folder that is no challenge is one whose challenge.toml is missing."""
    with pytest.raises(ChallengeError, match=r"challenge\.toml"):
        load(tmp_path)


CHANGES: dict[str, bool] = {
    "challenge.toml": True,
    "solution.py": True,
    "specs/test_made.py": True,
    "specs/helpers.py": True,
    "rig.py": True,
    "brief.md": False,
    "wrong/one.py": False,
    "known_mistakes.json": False,
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_hash_covers_what_decides_a_score(name: str, make: Make) -> None:
    """A change to specs, solution, rig or limits changes the hash; one to words does not."""
    folder = make()
    before = load(folder).specs_sha256()
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    with path.open("a") as file:
        file.write("# changed\n")

    assert (load(folder).specs_sha256() != before) is CHANGES[name]


def test_known_mistakes_are_read(make: Make) -> None:
    """The table beside the specs comes back as it was written."""
    known = [KnownMistake("off_by_one", "Count from zero.", {"test_one": "is wrong"})]
    folder = make()
    (folder / "known_mistakes.json").write_bytes(msgspec.json.encode(known))

    assert load(folder).known_mistakes() == known


# Finding one.


@pytest.fixture
def kit(tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kit with the challenges 05_tiny_gpt and 91_made."""
    make()
    make(TOML.replace('"91"', '"05"').replace('"made"', '"tiny_gpt"'), "05_tiny_gpt")
    monkeypatch.setattr(challenges, "data_folder", lambda name: tmp_path)
    return tmp_path


@pytest.mark.parametrize("wanted", ["05", "5", "tiny_gpt", "05_tiny_gpt"])
def test_a_challenge_is_found_by_number_and_name(wanted: str, kit: Path) -> None:
    """Its number with and without zeros, its name, and its folder's name find a challenge."""
    assert find(wanted).key == "05_tiny_gpt"


def test_a_challenge_is_found_by_its_folder(kit: Path) -> None:
    """A path to any folder with a challenge.toml finds that one."""
    assert find(str(kit / "91_made")).key == "91_made"


@pytest.mark.parametrize(
    ("wanted", "near"), [("tiny_gtp", "tiny_gpt"), ("91_mdae", "91_made"), ("mde", "made")]
)
def test_a_misspelt_challenge_is_asked_back(wanted: str, near: str, kit: Path) -> None:
    """An unknown name is answered with the nearest ones and the command that lists all."""
    with pytest.raises(UnknownChallengeError) as caught:
        find(wanted)

    assert f"Did you mean {near}" in str(caught.value)
    assert "grader list" in str(caught.value)
    assert isinstance(caught.value, UsageError)


@pytest.mark.parametrize("wanted", ["", "99", "005", "..", "/", "zzzzzz", "*", "05_tiny_gpt/specs"])
def test_what_is_like_nothing_is_refused(wanted: str, kit: Path) -> None:
    """Nothing is found by accident."""
    with pytest.raises(UnknownChallengeError, match="There is no challenge"):
        find(wanted)


def test_all_challenges_stand_by_number(kit: Path) -> None:
    """The list is in the order of the numbers."""
    assert [challenge.id for challenge in all_challenges()] == ["05", "91"]


# The challenges of the kit.


@pytest.mark.parametrize("challenge", all_challenges(), ids=lambda challenge: challenge.id)
def test_every_challenge_is_complete(challenge: Challenge) -> None:
    """Each has a brief, a stub, a solution and wrong solutions, and names a section of the guide."""
    assert challenge.brief.is_file()
    assert challenge.starter.is_file()
    assert challenge.solution.is_file()
    assert challenge.wrong
    assert challenge.guide
    assert len(challenge.specs) >= 10


@pytest.mark.parametrize("challenge", all_challenges(), ids=lambda challenge: challenge.id)
def test_a_sixth_to_a_quarter_of_the_points_is_private(challenge: Challenge) -> None:
    """Enough to tell a hand-in that was tuned to what it was told, and most is still told."""
    assert 16 <= sum(spec.points for spec in challenge.specs if spec.private) <= 25


def test_the_starter_folder_holds_stubs_and_nothing_else() -> None:
    """One file for each challenge."""
    stubs = {path.name for path in data_folder("starter").iterdir() if path.suffix != ".pyc"}

    assert stubs - {"__pycache__"} == {challenge.starter.name for challenge in all_challenges()}
