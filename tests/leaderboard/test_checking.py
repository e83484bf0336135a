"""leaderboard.checking and leaderboard.export"""

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from leaderboard.checking import check, fingerprints, merge
from leaderboard.export import COLUMNS, csv_lines, json_lines
from leaderboard.score import Score, decode, encode
from leaderboard.store import MAX_BYTES, Problem, Store

MakeScore = Callable[..., Score]

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store that does not exist yet."""
    return Store(tmp_path / "scores")


def problems(store: Store) -> dict[str, str]:
    return {one.path.name: one.reason for one in check(store) if isinstance(one, Problem)}


def merged(source: Store, target: Store) -> tuple[int, list[str]]:
    found = list(merge(source, target, fingerprints(target)))
    skipped = [one.path.name for one in found if isinstance(one, Problem)]
    return len(found) - len(skipped), sorted(skipped)


def test_a_sound_store_has_no_problems(store: Store, make_score: MakeScore) -> None:
    """Names of all kinds, two grades of one hand-in, and the rules of an event are in order."""
    for team in ("red", "Zoë / 東京", "..", ""):
        store.add(make_score(team=team))
    store.add(make_score(seed="b"))
    (store.path / "leaderboard.toml").write_text("title = 'x'")

    assert problems(store) == {}
    assert sum(not isinstance(one, Problem) for one in check(store)) == 5


def test_what_does_not_fit_is_named(store: Store, make_score: MakeScore) -> None:
    """A wrong place, a wrong id, a record that is there twice, a file that is none."""
    path = store.add(make_score())
    folder = path.parent
    (folder / "copy.json").write_bytes(path.read_bytes())
    store.add(make_score(team="blue", id="04-made-up"))
    (folder / "cut.json").write_bytes(b"{")
    found = list(check(store))
    reasons = [one.reason for one in found if isinstance(one, Problem)]

    assert len(reasons) == 4
    assert any("its id should be 04-2026" in reason for reason in reasons)
    assert any(f"its place should be {path}" in reason for reason in reasons)
    assert any("the same record as" in reason for reason in reasons)
    assert any("damaged" in reason for reason in reasons)


@posix
def test_leftovers_are_named_and_left(store: Store, make_score: MakeScore) -> None:
    """What a writer left that died is a problem; checking removes nothing."""
    left = store.add(make_score()).with_name(".half.1.0.tmp")
    left.write_bytes(b"{")

    assert problems(store).keys() == {left.name}
    assert left.exists()


def test_merging_copies_what_is_new_once(
    store: Store, tmp_path: Path, make_score: MakeScore
) -> None:
    """A second merge adds nothing; records of one name and other contents all arrive."""
    other = Store(tmp_path / "other")
    for seed in ("a", "b"):
        other.add(make_score(seed=seed))
    store.add(make_score(seed="c"))
    store.add(make_score(seed="a"))

    assert merged(other, store) == (1, [])
    assert merged(other, store) == (0, [])
    assert merged(store, store) == (0, [])
    assert sorted(score.seed for score in store.read()[0]) == ["a", "b", "c"]


def test_a_misplaced_record_is_not_added_again(
    store: Store, tmp_path: Path, make_score: MakeScore
) -> None:
    """What counts is in the record: one that lies elsewhere in the target is there already."""
    other = Store(tmp_path / "other")
    path = other.add(make_score())
    store.path.mkdir()
    (store.path / "renamed.json").write_bytes(path.read_bytes())

    assert merged(other, store) == (0, [])


@posix
def test_a_hostile_source_is_skipped_file_by_file(
    store: Store, tmp_path: Path, make_score: MakeScore
) -> None:
    """Links, pipes, huge and broken files, and records that lie about their id do not get in."""
    other = Store(tmp_path / "other")
    folder = other.add(make_score()).parent
    secret = tmp_path / "secret.json"
    secret.write_bytes(encode(make_score(team="mine")))
    (folder / "link.json").symlink_to(secret)
    (folder / "gone.json").symlink_to(tmp_path / "nowhere")
    os.mkfifo(folder / "pipe.json")
    (folder / "broken.json").write_bytes(b"{")
    with (folder / "huge.json").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    (folder / "liar.json").write_bytes(encode(make_score(id="../../x")))
    (other.path / "up").symlink_to(tmp_path)

    new, skipped = merged(other, store)
    assert new == 1
    assert set(skipped) >= {"link.json", "pipe.json", "broken.json", "huge.json", "liar.json"}
    assert [score.team for score in store.read()[0]] == ["red"]


def test_json_lines_are_whole_records(make_score: MakeScore) -> None:
    """Each line decodes to the record, and is safe to print."""
    scores = [make_score(team="\x1b[2J\n"), make_score(loss=float("nan"))]
    lines = list(json_lines(scores))

    assert [decode(line.encode()) for line in lines] == scores
    assert all(line.isprintable() for line in lines)


def test_csv_has_a_column_for_each_number(make_score: MakeScore) -> None:
    """A line of headings, one line for each record, formulas disarmed, times with their zone."""
    lines = list(csv_lines([make_score(team="=1+1\n", advice="@x", loss=0.5)]))
    (record,) = csv.DictReader(lines)

    assert list(record) == list(COLUMNS)
    assert len(lines) == 2
    assert (record["team"], record["advice"]) == (r"'=1+1\n", "'@x")
    assert (record["score"], record["value"]) == ("40", "0.5")
    assert record["submitted_at"] == "2026-11-23T21:22:00.123456Z"
    assert json.loads(next(json_lines([make_score()])))["submitted_at"] == record["submitted_at"]
