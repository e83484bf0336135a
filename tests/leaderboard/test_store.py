"""leaderboard.store"""

import errno
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import leaderboard.ahead
from leaderboard.errors import (
    AmbiguousScoreError,
    InvalidScoreError,
    ScoreNotFoundError,
    StoreReadError,
    StoreWriteError,
)
from leaderboard.score import Score, decode, encode
from leaderboard.store import MAX_BYTES, Store, folder_name

MakeScore = Callable[..., Score]

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store that does not exist yet."""
    return Store(tmp_path / "deep" / "scores")


def files_below(path: Path) -> list[str]:
    return sorted(file.name for file in path.rglob("*") if file.is_file())


def test_a_score_has_the_documented_place(store: Store, make_score: MakeScore) -> None:
    """<store>/<challenge>/<team>/<submitted_at>-<sha12>.json, and nothing beside it."""
    score = make_score(team="red")
    path = store.add(score)

    name = f"20261123T212200123456Z-{score.submission.sha256[:12]}.json"
    assert path == store.path / "04_causal_attention" / "red" / name
    assert path.read_bytes() == encode(score)
    assert files_below(store.path) == [name]


@posix
def test_what_writers_left_that_died_is_swept(store: Store, make_score: MakeScore) -> None:
    """Temporary files without an owner go, beside the records of every team."""
    for team in ("red", "blue"):
        path = store.add(make_score(team=team))
        (path.parent / ".half.json.1.0.tmp").write_bytes(b"{")
    store.sweep()

    assert list(store.path.rglob(".*")) == []
    assert len(store.read()[0]) == 2


def test_a_store_gives_back_what_was_added(store: Store, make_score: MakeScore) -> None:
    """Every score is read, with the team's real name."""
    scores = [make_score(team=team) for team in ("red", "Zoë / 東京", "..", "", "con")]
    for score in scores:
        store.add(score)

    read, problems = store.read()
    assert set(read) == set(scores)
    assert problems == []


def test_a_missing_store_is_empty(store: Store) -> None:
    """Nobody has handed in yet: no error."""
    assert store.read() == ([], [])


def test_the_same_score_twice_is_one_file(store: Store, make_score: MakeScore) -> None:
    """Adding again what is there changes nothing, so that stores can be merged."""
    assert store.add(make_score()) == store.add(make_score())
    assert len(files_below(store.path)) == 1


def test_another_score_of_the_same_name_gets_a_number(store: Store, make_score: MakeScore) -> None:
    """Nothing is ever overwritten."""
    paths = [store.add(make_score(seed=seed)) for seed in ("a", "b", "c")]

    suffixes = [path.name.partition("-")[2][12:] for path in paths]
    assert suffixes == [".json", "-2.json", "-3.json"]
    assert [decode(path.read_bytes()).seed for path in paths] == ["a", "b", "c"]


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP, errno.EINVAL])
def test_without_hard_links_nothing_is_overwritten_either(
    store: Store, make_score: MakeScore, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """On a file system such as FAT the name is claimed in another way."""

    def refuse(*_: object) -> None:
        raise OSError(code, "no hard links here")

    monkeypatch.setattr(os, "link", refuse)
    paths = [store.add(make_score(seed=seed)) for seed in ("a", "b", "a")]

    assert [decode(path.read_bytes()).seed for path in paths] == ["a", "b", "a"]
    assert paths[2] == paths[0] != paths[1]
    assert files_below(store.path) == sorted({path.name for path in paths})


def test_a_claim_that_a_crash_left_costs_only_a_number(
    store: Store, make_score: MakeScore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stale claim never blocks a writer."""
    monkeypatch.delattr(os, "link")
    first = store.add(make_score(seed="a"))
    first.with_name(f".{first.name.replace('.json', '-2.json')}.claim").touch()

    assert store.add(make_score(seed="b")).name.endswith("-3.json")


@pytest.mark.parametrize("hard_links", [True, False])
def test_sixteen_writers_lose_nothing(
    store: Store, make_score: MakeScore, tmp_path: Path, hard_links: bool
) -> None:
    """Processes that add different scores of one name at once all find theirs in the store."""
    writers, each = 16, 6
    template = tmp_path / "template.json"
    template.write_bytes(encode(make_score()))
    script = (
        "import os, sys, msgspec\n"
        "from pathlib import Path\n"
        "from leaderboard.score import decode\n"
        "from leaderboard.store import Store\n"
        "template, store, first, each, links = sys.argv[1:]\n"
        "if links == 'False': del os.link\n"
        "score = decode(Path(template).read_bytes())\n"
        "print('ready', flush=True); sys.stdin.readline()\n"
        "for seed in range(int(first), int(first) + int(each)):\n"
        "    Store(store).add(msgspec.structs.replace(score, seed=f'{seed:x}'))\n"
    )
    root = str(Path(leaderboard.__file__).parents[1])
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(template), str(store.path)]
            + [str(argument) for argument in (writer * each, each, hard_links)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": root},
        )
        for writer in range(writers)
    ]
    for process in processes:
        assert process.stdout is not None
        process.stdout.readline()
    # All of them have imported and wait: let them go together.
    for process in processes:
        process.communicate("go\n", timeout=60)

    scores, problems = store.read()
    assert [process.returncode for process in processes] == [0] * writers
    assert sorted(int(score.seed, 16) for score in scores) == list(range(writers * each))
    assert problems == []
    assert len(list(store.path.rglob(".*"))) == 0


def test_what_is_no_score_is_named_and_skipped(store: Store, make_score: MakeScore) -> None:
    """Damaged, foreign and newer files do not keep the rest from counting."""
    good = make_score()
    folder = store.add(good).parent
    data = encode(good)
    (folder / "cut.json").write_bytes(data[:100])
    (folder / "empty.json").touch()
    (folder / "newer.json").write_bytes(data.replace(b'"schema": 2', b'"schema": 3'))
    (store.path / "package.json").write_text('{"name": "x"}')
    (store.path / "notes.txt").write_text("hello")
    with (folder / "huge.json").open("wb") as file:
        file.truncate(MAX_BYTES + 1)

    scores, problems = store.read()
    reasons = {problem.path.name: problem.reason for problem in problems}
    assert scores == [good]
    assert reasons.keys() == {
        "cut.json",
        "empty.json",
        "newer.json",
        "package.json",
        "notes.txt",
        "huge.json",
    }
    assert "newer version" in reasons["newer.json"]
    assert "larger than" in reasons["huge.json"]
    assert "damaged" in reasons["cut.json"]
    assert "not a score" in reasons["package.json"]


@pytest.mark.parametrize("relative", [False, True])
def test_the_rules_of_an_event_are_no_problem(
    store: Store, make_score: MakeScore, monkeypatch: pytest.MonkeyPatch, relative: bool
) -> None:
    """leaderboard.toml at the top of the store is passed over, and anywhere else it is not."""
    folder = store.add(make_score()).parent
    for place in (store.path, folder):
        (place / "leaderboard.toml").touch()
    monkeypatch.chdir(store.path)
    found = Store(Path() if relative else store.path).read()[1]

    assert [problem.path.name for problem in found] == ["leaderboard.toml"]
    assert found[0].path.resolve().parent == folder.resolve()


@posix
def test_scores_come_in_the_order_of_their_paths(store: Store, make_score: MakeScore) -> None:
    """Part by part, as paths sort, not letter by letter."""
    data = encode(make_score())
    for name in ("a-b/x", "a/x", "a/b/x", "a.b/x", "a0/x", "a b/x", "a"):
        path = store.path / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    found = [entry.path for entry in store.read_stored()[0]]

    assert found == sorted(found)
    assert len(found) == 7


def test_a_large_store_is_read_as_a_small_one(
    store: Store, make_score: MakeScore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read in chunks by several threads: the same scores and problems, in the same order."""
    folder = store.add(make_score()).parent
    for number in range(40):
        data = encode(make_score(minute=number, output="x" * (300_000 if number == 7 else 3)))
        (folder / f"{number}.json").write_bytes(data if number % 9 else data[:50])
    (folder / "notes.txt").touch()
    before, threads = store.read_stored(), threading.active_count()
    monkeypatch.setattr(leaderboard.ahead, "FEW", 5)
    monkeypatch.setattr(leaderboard.ahead, "CHUNK", 3)

    assert store.read_stored() == before
    assert (len(before[0]), len(before[1])) == (36, 6)
    # Whoever stops early leaves no thread behind.
    each = store.each()
    next(each)
    each.close()
    assert threading.active_count() == threads


def test_hidden_files_are_passed_over(store: Store, make_score: MakeScore) -> None:
    """Writers at work, .gitkeep and .git are neither scores nor problems."""
    path = store.add(make_score())
    path.with_name(f".{path.stem}.1.tmp").write_bytes(b"{")
    (store.path / ".git").mkdir()
    (store.path / ".git" / "index.json").touch()

    assert store.read() == ([make_score()], [])


def test_a_score_counts_wherever_it_lies(store: Store, make_score: MakeScore) -> None:
    """The record says whose it is, not the folder."""
    path = store.add(make_score(team="red"))
    path.rename(store.path / "moved.json")

    assert store.read()[0] == [make_score(team="red")]


@posix
def test_a_pipe_or_a_broken_link_in_the_store_does_not_stop_it(
    store: Store, make_score: MakeScore
) -> None:
    """Opening a pipe would wait for ever."""
    folder = store.add(make_score()).parent
    os.mkfifo(folder / "pipe.json")
    (folder / "gone.json").symlink_to(folder / "nowhere")

    scores, problems = store.read()
    assert scores == [make_score()]
    assert [problem.path.name for problem in problems] == ["pipe.json"]


DAMAGED: dict[str, Callable[[bytes], bytes]] = {
    "deep": lambda data: b"[" * 200_000,
    "deep_in_a_field": lambda data: data.replace(b'"curve": [', b'"curve": ' + b"[" * 100_000, 1),
    "deep_in_a_field_of_nobody": lambda data: b'{"schema": 1, "more": ' + b'{"a":' * 100_000,
    "not_utf8": lambda data: data.replace(b'"red"', b'"\xff\xfe"'),
    "utf16": lambda data: data.decode().encode("utf-16"),
    "zeros": lambda data: bytes(len(data)),
    "ends_in_zeros": lambda data: data[:-50] + bytes(50),
    "twice": lambda data: data + data,
    "number_too_large": lambda data: data.replace(b'"score": 40', b'"score": 1e999'),
    "integer_too_large": lambda data: data.replace(b'"score": 40', b'"score": 4' + b"0" * 5000),
    "nan": lambda data: data.replace(b'"peak_mb": 310.5', b'"peak_mb": NaN'),
    "points_of_text": lambda data: data.replace(b'"score": 40', b'"score": "40"'),
    "points_above_all": lambda data: data.replace(b'"score": 40', b'"score": 400'),
    "time_without_zone": lambda data: data.replace(b"123456Z", b"123456"),
    "time_before_time": lambda data: data.replace(b"2026-11-23T", b"0000-01-01T"),
    "schema_of_text": lambda data: data.replace(b'"schema": 2', b'"schema": "2"'),
    "schema_huge": lambda data: data.replace(b'"schema": 2', b'"schema": ' + b"9" * 400),
    "schema_negative": lambda data: data.replace(b'"schema": 2', b'"schema": -1'),
    "list": lambda data: b"[" + data + b"]",
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_whatever_is_in_a_file_the_rest_ranks(
    store: Store, make_score: MakeScore, damage: str
) -> None:
    """A file that was changed by hand, by a crash or on purpose is one problem by name, no more."""
    good, data = make_score(), encode(make_score(minute=1))
    changed = DAMAGED[damage](data)
    assert changed != data
    store.add(good).with_name(f"{damage}.json").write_bytes(changed)
    scores, problems = store.read()

    assert scores == [good]
    assert [problem.path.stem for problem in problems] == [damage]
    assert len(str(problems[0])) < 1000


@posix
def test_names_that_are_no_text_and_things_that_are_no_files(
    store: Store, make_score: MakeScore
) -> None:
    """Names of any bytes, loops of links, folders and devices called like records: named, or nothing."""
    good = make_score()
    folder = store.add(good).parent
    record = encode(make_score(minute=1))
    raw = os.fsencode(folder)
    Path(os.fsdecode(raw + b"/\xff\xfe.json")).write_bytes(record)
    Path(os.fsdecode(raw + b"/\xe9\n.json")).write_bytes(b"{")
    (folder / "loop.json").symlink_to("loop.json")
    (folder / "up").symlink_to(store.path)
    (folder / "folder.json").mkdir()
    (folder / "endless.json").symlink_to("/dev/zero")
    (folder / "long").mkdir()
    (folder / "long" / f"{'x' * 240}.json").write_bytes(record)
    scores, problems = store.read()

    assert sorted(score.id for score in scores) == [good.id, *[make_score(minute=1).id] * 2]
    assert sorted(
        str(problem.path.name.encode("utf-8", "surrogateescape")) for problem in problems
    ) == [
        r"b'\xe9\n.json'",
        "b'endless.json'",
        "b'loop.json'",
    ]
    assert all(str(problem).isprintable() for problem in problems)
    assert store.find(good.id) == good


@posix
def test_a_folder_deeper_than_a_path_is_a_problem_at_most(
    store: Store, make_score: MakeScore
) -> None:
    """A tree in the store that nobody can walk to its end does not keep the rest from counting."""
    good = make_score()
    folder = store.add(good).parent
    script = (
        "import os, sys\n"
        "os.chdir(sys.argv[1])\n"
        "for _ in range(1200):\n"
        "    os.mkdir('d'); os.chdir('d')\n"
    )
    subprocess.run([sys.executable, "-c", script, str(folder)], check=True)
    scores, _ = store.read()
    # What tidies up after tests would give up on it.
    subprocess.run(["rm", "-rf", str(folder / "d")], check=True)

    assert scores == [good]


@posix
def test_a_problem_is_safe_to_print(store: Store, make_score: MakeScore) -> None:
    """A file's name comes from a stranger too."""
    store.add(make_score()).with_name("\x1b[2J.json").touch()
    (problem,) = store.read()[1]

    assert r"\x1b[2J.json: damaged" in str(problem)


def test_a_store_that_is_a_file_is_refused(tmp_path: Path, make_score: MakeScore) -> None:
    """The error says what is wrong and which option cures it."""
    path = tmp_path / "scores"
    path.touch()

    with pytest.raises(StoreReadError, match="--store"):
        Store(path).read()
    with pytest.raises(StoreWriteError, match="--store"):
        Store(path).add(make_score())


def test_a_full_disk_is_a_clear_error_and_leaves_nothing(
    store: Store, make_score: MakeScore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The score is not half there, and the reason is told."""

    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)

    with pytest.raises(StoreWriteError, match="No space left on device"):
        store.add(make_score())
    assert files_below(store.path) == []


@posix
def test_a_read_only_store_is_a_clear_error(store: Store, make_score: MakeScore) -> None:
    """Permissions are named."""
    store.path.mkdir(parents=True)
    store.path.chmod(0o500)
    if os.access(store.path, os.W_OK):
        pytest.skip("permissions do not bind this user")

    with pytest.raises(StoreWriteError, match="Permission denied"):
        store.add(make_score())


def test_an_invalid_score_touches_no_file(store: Store, make_score: MakeScore) -> None:
    """What could not be read again is refused before anything is written."""
    with pytest.raises(InvalidScoreError):
        store.add(make_score(seed="not hex"))
    assert not store.path.exists()


def test_find_by_the_beginning_of_an_id_or_by_file(store: Store, make_score: MakeScore) -> None:
    """A score is named by as much of its id as tells it apart, or by its file."""
    first, second = make_score(), make_score(minute=1)
    path = store.add(first)
    store.add(second)

    assert store.find(first.id) == first
    assert store.find("04-20261123T2123") == second
    assert store.find(str(path)) == first
    assert store.find(path.relative_to(store.path).as_posix()) == first


def test_find_gives_the_latest_grade(store: Store, make_score: MakeScore) -> None:
    """Graded again, the hand-in keeps its id; the later grade is shown."""
    score = make_score()
    later = make_score(minute=5).graded_at
    store.add(make_score(graded_at=later, score=70))
    store.add(score)

    assert store.find(score.id).score == 70


def test_find_words_its_failures(store: Store, make_score: MakeScore) -> None:
    """An unknown id lists near matches, a short one its candidates, an empty one finds nothing."""
    score = make_score()
    store.add(score)
    store.add(make_score(minute=1))

    with pytest.raises(ScoreNotFoundError, match=f"Did you mean .*{score.id}"):
        store.find(score.id.replace("2122", "2112"))
    with pytest.raises(AmbiguousScoreError, match=score.id):
        store.find("04-")
    with pytest.raises(ScoreNotFoundError):
        store.find("")


@given(st.text(st.characters(codec=None, exclude_categories=())), st.text())
@example("..", ".")
@example("CON", "con.txt")
@example("a/b", "a%2Fb")
@example("", "%")
@example("x" * 500, "x" * 501)
def test_folder_names_are_harmless_and_distinct(name: str, other: str) -> None:
    """Any name becomes a plain folder name; two names never share one."""
    folder = folder_name(name)

    assert folder.isascii()
    assert 0 < len(folder) <= 120
    assert not set(folder) & set('/\\:*?"<>| \0')
    assert not folder.startswith(".")
    assert not folder.endswith(".")
    assert (folder == folder_name(other)) == (name == other)


@given(st.text(min_size=1, max_size=10))
def test_a_folder_name_can_be_read_back(name: str) -> None:
    """A short name is the percent-encoding of what it stands for."""
    assert unquote(folder_name(name)) == name


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("Team_1.b-c", "Team_1.b-c"),
        ("a b", "a%20b"),
        ("ü", "%C3%BC"),
        (".git", "%2Egit"),
        ("..", "%2E%2E"),
        ("dot.", "dot%2E"),
        ("nul", "%6Eul"),
        ("Com1.txt", "%43om1.txt"),
        ("console", "console"),
        ("", "%"),
    ],
)
def test_folder_names_by_example(name: str, folder: str) -> None:
    """Plain names stay as they are; special ones show what was escaped."""
    assert folder_name(name) == folder
