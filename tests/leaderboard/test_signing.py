"""Signatures of records: what they hold for, and what they do not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grader.cli import main
from leaderboard.attempts import judge_attempts
from leaderboard.checking import check, fingerprints, merge
from leaderboard.errors import EventError, ScoreError, SigningError
from leaderboard.event import Event, load_event
from leaderboard.export import json_lines
from leaderboard.ranking import rank_attempts, standings
from leaderboard.score import Metric, Score, decode, encode
from leaderboard.signing import (
    PUBLIC,
    SECRET,
    SIGNATURE,
    new_key,
    payload,
    public_key,
    sign,
    state,
)
from leaderboard.store import Problem, Store

MakeScore = Callable[..., Score]
TEXT, KEY = new_key()
METRIC = Metric(name="loss", value=0.5, stderr=0.1, order="lower", precision=3)


def run(*arguments: object) -> tuple[int, str, str]:
    """Run a command in this process; returns exit code, standard output, standard error."""
    result = CliRunner().invoke(main, [str(one) for one in arguments], prog_name="grader")
    return result.exit_code, result.stdout, result.stderr


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The place of every plain value in a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value)
    for key, one in inner:
        if isinstance(one, dict | list) and one:
            yield from leaves(one, (*path, key))
        else:
            yield (*path, key)


def changed(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The document with another value in one place."""
    copy = json.loads(json.dumps(document))
    place = copy
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return copy


OTHERS: tuple[Any, ...] = (
    *("other", "", 0, 1, 7, 0.25, True, False, None, [], {}, "timeout", "failed", "medium"),
    *(500, "skipped", "higher", "f" * 64, "2026-11-23T21:22:00.123457Z"),
)


def test_every_field_is_signed(make_score: MakeScore) -> None:
    """Whatever value of a record is changed, the signature holds no more."""
    score = sign(make_score(metric=METRIC, private_metric=METRIC), TEXT)
    document = json.loads(encode(score))
    tried = set()
    for path in leaves(document):
        for other in OTHERS:
            try:
                forged = decode(json.dumps(changed(document, path, other)).encode())
            except ScoreError:
                continue
            if forged != score:
                tried.add(path)
                assert state(forged, [KEY]) in ("forged", "unsigned"), (path, other)

    untouched = set(leaves(document)) - tried
    assert untouched <= {("schema",)}
    assert state(score, [KEY]) == "signed"


names = st.text(max_size=40)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(team=names, output=names, title=names, seconds=st.floats(0, 1e9))
def test_a_signature_survives_the_disk(
    make_score: MakeScore, team: str, output: str, title: str, seconds: float
) -> None:
    """Encoded and decoded, by the store or by another program's JSON, a record is still signed."""
    score = make_score(team=team, output=output)
    spec = msgspec.structs.replace(score.specs[0], title=title, seconds=seconds)
    signed = sign(msgspec.structs.replace(score, specs=(spec,)), TEXT)

    once = decode(encode(signed))
    reformatted = decode(json.dumps(json.loads(encode(signed))).encode())

    assert state(once, [KEY]) == state(reformatted, [KEY]) == "signed"
    assert payload(once) == payload(signed)


def test_any_of_several_keys_may_have_signed(make_score: MakeScore) -> None:
    """With an old and a new key both kinds of records hold; another's does not."""
    old, new, other = new_key(), new_key(), new_key()
    signed = [sign(make_score(), text) for text, _ in (old, new, other)]

    states = [state(score, [old[1], new[1]]) for score in signed]

    assert states == ["signed", "signed", "forged"]
    assert state(make_score(), [KEY]) == "unsigned"
    assert state(signed[0], []) == "forged"


SIGNATURES = {
    "empty": "",
    "no_prefix": "A" * 86,
    "short": SIGNATURE + "A" * 20,
    "zeros": SIGNATURE + "A" * 86,
    "no_base64": SIGNATURE + "é" * 86,
    "newline": SIGNATURE + "A" * 86 + "\n",
    "public_key": KEY,
    "long": SIGNATURE + "A" * 100_000,
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_what_is_no_signature_is_forged(name: str, make_score: MakeScore) -> None:
    """Nonsense in its place is an answer, not an error."""
    assert state(make_score(signature=SIGNATURES[name]), [KEY]) == "forged"


def test_a_signature_has_one_spelling(make_score: MakeScore) -> None:
    """The spare bits of the last letter cannot be used to make a second record of the same worth."""
    score = sign(make_score(), TEXT)
    assert score.signature is not None
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    number = alphabet.index(score.signature[-1])
    twins = [score.signature[:-1] + letter for letter in alphabet if letter != alphabet[number]]

    for twin in twins:
        assert state(msgspec.structs.replace(score, signature=twin), [KEY]) == "forged"


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", SECRET, SECRET + "A" * 10, KEY, f"{TEXT}{TEXT}", SECRET + "A" * 99]
)
def test_what_is_no_secret_key_is_said_without_repeating_it(text: str) -> None:
    """The error names the form of a key, and nothing of what was given."""
    with pytest.raises(SigningError, match="signing key is none") as caught:
        public_key(text)

    assert not text or len(text) < 20 or text.strip() not in str(caught.value)


def test_a_secret_key_given_for_a_public_one_is_not_repeated(
    make_score: MakeScore, tmp_path: Path
) -> None:
    """Neither scores check nor leaderboard nor an event file print it."""
    secret = TEXT.splitlines()[1]
    Store(tmp_path).add(make_score())
    said = [run(*words, "--key", secret, "--store", tmp_path) for words in (["scores", "check"],)]
    said.append(run("leaderboard", "--key", secret, "--store", tmp_path))
    (tmp_path / "leaderboard.toml").write_text(f'keys = ["{secret}"]\n')
    said.append(run("leaderboard", "--store", tmp_path))

    assert [code for code, _, _ in said] == [2, 2, 2]
    assert not any(secret in out + err for _, out, err in said)
    assert all(PUBLIC in err for _, _, err in said)


# Stores.


@pytest.fixture
def store(tmp_path: Path, make_score: MakeScore) -> Store:
    """A signed score, an unsigned one, and one whose points were raised after it was signed."""
    found = Store(tmp_path / "store")
    found.add(sign(make_score(team="signed"), TEXT))
    found.add(make_score(team="unsigned", score=100))
    raised = sign(make_score(team="forged"), TEXT)
    spec = msgspec.structs.replace(raised.specs[0], earned=100, outcome="passed")
    found.add(msgspec.structs.replace(raised, score=100, passed=True, specs=(spec,)))
    return found


def test_check_tells_signed_unsigned_and_forged_apart(store: Store) -> None:
    """scores check --key names each score that the key has not signed, with exit code 1."""
    code, out, err = run("scores", "check", "--store", store.path, "--key", KEY)

    told = {line.partition(": ")[0].split("/")[-2]: line for line in out.splitlines()}
    assert code == 1
    assert set(told) == {"unsigned", "forged"}
    assert ": unsigned: nobody vouches for it" in told["unsigned"]
    assert ": forged: its signature is not by these keys" in told["forged"]
    assert "3 scores, 2 problems" in err
    assert run("scores", "check", "--store", store.path)[0] == 0


def test_signatures_pass_through_merge_and_export(store: Store, tmp_path: Path) -> None:
    """Merged twice and exported as JSON lines, a record is signed as before, and no other is."""
    target = Store(tmp_path / "target")
    for _ in range(2):
        list(merge(store, target, fingerprints(target)))

    merged = {score.team: state(score, [KEY]) for score in target.read()[0]}
    exported = {
        score.team: state(score, [KEY])
        for score in (decode(line.encode()) for line in json_lines(target.read()[0]))
    }

    assert merged == exported == {"signed": "signed", "unsigned": "unsigned", "forged": "forged"}


def test_an_event_with_keys_counts_signed_scores_alone(store: Store) -> None:
    """Others are shown as unverified, have no rank, and take nobody's place."""
    (store.path / "leaderboard.toml").write_text(f'keys = ["{KEY}"]\n')

    code, out, _ = run("leaderboard", "04", "--store", store.path, "--format", "json")

    rows = {row["team"]: row for row in json.loads(out)}
    assert code == 0
    assert {team: row["rank"] for team, row in rows.items()} == {
        "signed": 1,
        "unsigned": None,
        "forged": None,
    }
    assert rows["forged"]["verdict"] == rows["unsigned"]["verdict"] == "unverified"
    assert "unverified" in run("leaderboard", "--history", "forged", "--store", store.path)[1]


def test_no_command_takes_an_unsigned_score_for_one(store: Store) -> None:
    """With keys, `list` passes over it, an export of all leaves it out, and one by its name is told of."""
    (store.path / "leaderboard.toml").write_text(f'keys = ["{KEY}"]\n')

    _, listed, told = run("list", "--store", store.path)
    assert "(signed)" in listed
    assert "unsigned" not in listed
    assert "2 left out: no key of the event has signed them." in told
    _, exported, told = run("export", "--to", "junit", "--store", store.path)
    assert "unsigned" not in exported
    assert "2 left out" in told
    unsigned = next(one for one in store.read()[0] if one.team == "unsigned")
    for words in (["show", unsigned.id], ["export", unsigned.id, "--to", "markdown"]):
        assert "No key of the event has signed" in run(*words, "--store", store.path)[2]


def test_show_prefers_the_grade_that_was_signed(tmp_path: Path, make_score: MakeScore) -> None:
    """A later record of the same hand-in that anybody may have written does not stand before it."""
    store = Store(tmp_path / "store")
    own = sign(make_score(score=60), TEXT)
    store.add(own)
    store.add(msgspec.structs.replace(own, score=0, graded_at=own.graded_at.replace(year=2030)))

    assert store.find(own.id).score == 0
    assert store.find(own.id, [KEY]).score == 60


def test_leaderboard_takes_a_key_without_an_event(store: Store) -> None:
    """--key does what the event's keys do."""
    out = run("leaderboard", "04", "--store", store.path, "--key", KEY, "--format", "json")[1]

    assert [row["team"] for row in json.loads(out) if row["rank"]] == ["signed"]


def test_a_forged_copy_stands_in_nobodys_place(make_score: MakeScore) -> None:
    """A later grade of a signed hand-in counts only if it is signed: else a forger could erase it."""
    own = sign(make_score(score=60), TEXT)
    copy = msgspec.structs.replace(own, score=0, graded_at=own.graded_at.replace(year=2030))
    event = Event(keys=(KEY,), attempts=1)

    judged = judge_attempts([own], event, [copy])

    assert [one.verdict for one in judged] == ["counts", "unverified"]
    (row,) = rank_attempts(judged, event)
    assert (row.score, row.attempts, row.not_counted) == (60, 1, 1)


def test_whoever_judges_whole_records_needs_to_know_nothing(make_score: MakeScore) -> None:
    """Other tables and pages, which give all scores to the rules, count signed ones alone as well."""
    event = Event(keys=(KEY,))
    scores = [sign(make_score(team="red"), TEXT), make_score(team="blue", score=100)]

    verdicts = {one.score.team: one.verdict for one in judge_attempts(scores, event)}

    assert verdicts == {"red": "counts", "blue": "unverified"}
    assert {row.team: row.rank for row in standings(scores, "04", event)} == {
        "red": 1,
        "blue": None,
    }


def test_keys_of_an_event_are_checked(tmp_path: Path) -> None:
    """A key with a slip of the pen is an error of the event file, not an event where nothing counts."""
    path = tmp_path / "leaderboard.toml"
    path.write_text(f'keys = ["{KEY[:-1]}"]\n')

    with pytest.raises(EventError, match="keys"):
        load_event(path)


def test_keygen_makes_a_key_for_one_user(tmp_path: Path) -> None:
    """The file has mode 0600 and the secret; only the public key is printed; nothing is replaced."""
    path = tmp_path / "signing.key"

    code, out, err = run("scores", "keygen", "--out", path)

    assert (code, public_key(path.read_text())) == (0, out.strip())
    assert SECRET not in out + err
    assert path.stat().st_mode & 0o777 == 0o600
    assert run("scores", "keygen", "--out", path)[0] == 2


def test_check_without_keys_asks_for_no_signature(store: Store) -> None:
    """A store without signatures is in order: they are optional."""
    assert not [one for one in check(store) if isinstance(one, Problem)]
