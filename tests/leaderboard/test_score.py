"""leaderboard.score"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any, get_args

import jsonschema  # type: ignore[import-untyped, unused-ignore]
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leaderboard.errors import (
    DamagedScoreError,
    ForeignScoreError,
    InvalidScoreError,
    NewerSchemaError,
)
from leaderboard.score import (
    ChallengeInfo,
    CurvePoint,
    DeviceInfo,
    Environment,
    LimitsInfo,
    Metric,
    Score,
    SpecResult,
    Status,
    SubmissionInfo,
    Usage,
    decode,
    encode,
    json_schema,
    score_id,
)
from leaderboard.text import printable

MakeScore = Callable[..., Score]

NAMES = st.text(min_size=1, max_size=20)
COUNTS = st.integers(0, 2**63)
AMOUNTS = st.floats(0, 1e9)
HASHES = st.from_regex("[0-9a-f]{64}", fullmatch=True)
MOMENTS = st.datetimes(
    datetime(1990, 1, 1),
    datetime(2100, 1, 1),
    timezones=st.integers(-720, 720).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)
STATUSES = st.sampled_from(get_args(Status))
METRICS = st.builds(
    Metric,
    name=NAMES,
    value=st.none() | st.floats(),
    stderr=st.none() | st.floats(),
    order=st.sampled_from(["lower", "higher"]),
    precision=st.integers(0, 12),
)
SPECS = st.builds(
    SpecResult,
    name=NAMES,
    title=st.text(max_size=20),
    points=st.integers(50, 100),
    earned=st.integers(0, 50),
    outcome=st.sampled_from(["passed", "failed", "skipped", "not_run"]),
    message=st.text(max_size=20),
    seconds=AMOUNTS,
)
SCORES = st.builds(
    Score,
    schema=st.just(1),
    id=NAMES,
    challenge=st.builds(
        ChallengeInfo, id=NAMES, slug=NAMES, title=st.text(max_size=20), specs_sha256=HASHES
    ),
    team=st.text(max_size=20),
    submission=st.builds(SubmissionInfo, name=st.text(max_size=20), sha256=HASHES, bytes=COUNTS),
    submitted_at=MOMENTS,
    graded_at=MOMENTS,
    status=STATUSES,
    message=st.text(max_size=20),
    score=st.integers(0, 100),
    max_score=st.just(100),
    passed=st.just(False),
    metric=st.none() | METRICS,
    specs=st.lists(SPECS, max_size=2).map(tuple),
    advice=st.text(max_size=20),
    device=st.builds(DeviceInfo, type=NAMES, name=st.text(max_size=20)),
    walls=st.sampled_from(["strong", "medium", "weak", "none"]),
    seed=st.from_regex("[0-9a-f]{1,64}", fullmatch=True),
    limits=st.builds(
        LimitsInfo,
        wall_s=AMOUNTS,
        cpu_s=AMOUNTS,
        memory_mb=COUNTS,
        processes=COUNTS,
        open_files=COUNTS,
        file_mb=COUNTS,
        output_kb=COUNTS,
        call_s=AMOUNTS,
        threads=COUNTS,
    ),
    usage=st.builds(Usage, wall_s=AMOUNTS, cpu_s=AMOUNTS, peak_mb=AMOUNTS),
    environment=st.just(Environment(python="3.11", torch="", grader="0.1", platform="linux")),
    output=st.text(max_size=40),
    curve=st.lists(
        st.builds(CurvePoint, step=COUNTS, loss=st.none() | st.floats(), seconds=AMOUNTS),
        max_size=2,
    ).map(tuple),
)


@given(SCORES)
def test_reading_undoes_writing(score: Score) -> None:
    """A record reads back equal, whatever its texts and numbers, and writes the same bytes."""
    data = encode(score)

    assert decode(data) == score
    assert encode(decode(data)) == data


@given(SCORES)
def test_a_record_is_safe_to_print(score: Score) -> None:
    """Nothing in a record can act on a terminal."""
    text = encode(score).decode()

    assert printable(text, multiline=True) == text


def test_a_record_is_pretty_and_its_fields_are_in_order(make_score: MakeScore) -> None:
    """The file is for people too: indented, fields as documented, one newline at the end."""
    text = encode(make_score(loss=0.91)).decode()

    assert text.startswith('{\n  "schema": 2,\n  "id": "04-20261123T212200123456Z-')
    assert text.endswith("}\n")
    assert tuple(json.loads(text)) == Score.__struct_fields__


def test_times_are_utc_with_microseconds(make_score: MakeScore) -> None:
    """A time of another zone is stored in UTC, and a whole second keeps its six decimals."""
    moment = datetime(2026, 11, 23, 23, 0, tzinfo=timezone(timedelta(hours=2)))
    record = json.loads(encode(make_score(submitted_at=moment)))

    assert record["submitted_at"] == "2026-11-23T21:00:00.000000Z"


def test_a_seed_keeps_every_bit(make_score: MakeScore) -> None:
    """A seed of 256 bits survives readers that hold numbers as doubles."""
    seed = f"{2**255 + 1:x}"

    assert json.loads(encode(make_score(seed=seed)))["seed"] == seed


def test_an_id_names_challenge_time_and_content() -> None:
    """The id is readable and sorts by time."""
    moment = datetime(2026, 11, 23, 21, 22, 0, 123456, tzinfo=UTC)

    assert score_id("04", moment, "0123456789ab" + "f" * 52) == (
        "04-20261123T212200123456Z-0123456789ab"
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_number_that_is_not_finite_is_none(
    make_metric: Callable[..., Metric], value: float
) -> None:
    """A diverged loss is recorded as null instead of breaking the file."""
    assert make_metric(value, stderr=value) == make_metric(None, stderr=None)
    assert CurvePoint(step=1, loss=value, seconds=0.0).loss is None


@pytest.mark.parametrize(
    "fields",
    [
        {"score": 101},
        {"status": "timeout", "passed": True},
        {"submitted_at": datetime(2026, 11, 23)},
    ],
)
def test_a_contradiction_is_refused(make_score: MakeScore, fields: dict[str, Any]) -> None:
    """More points than there are, a pass without a grade, or a time without a zone is a bug."""
    with pytest.raises(ValueError, match=r"earned 101|although|without a time zone"):
        make_score(**fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"seed": "0xff"},
        {"score": -1},
        {"status": "fine"},
        {"usage": Usage(wall_s=float("nan"), cpu_s=0.0, peak_mb=0.0)},
        {"device": object()},
    ],
)
def test_what_could_not_be_read_is_not_written(
    make_score: MakeScore, fields: dict[str, Any]
) -> None:
    """Types are not checked when a record is built, so they are checked when it is written."""
    with pytest.raises(InvalidScoreError):
        encode(make_score(**fields))


def test_a_lone_surrogate_does_not_lose_a_score(make_score: MakeScore) -> None:
    """Output that is no Unicode text is spelled out."""
    assert decode(encode(make_score(output="\ud800"))).output == r"\ud800"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"score": 40', '"score": 4000'),
        ('"score": 40', '"score": "40"'),
        ('"score": 40', '"score": NaN'),
        ('"score": 40', '"score": 40, "bonus": 1'),
        ('"walls": "strong",', ""),
        ('"status": "graded"', '"status": "perfect"'),
        ('"earned": 40', '"earned": 101'),
        ("21:22:00.123456Z", "21:22:00.123456"),
        ("2026-11-23T21:22:00.123456Z", "0001-01-01T00:00:00+23:59"),
        ('"schema": 2', '"schema": 0'),
        ('"red"', '"\\ud800"'),
    ],
)
def test_damage_is_noticed(make_score: MakeScore, old: str, new: str) -> None:
    """A record that was edited into nonsense is damaged."""
    text = encode(make_score()).decode()
    assert old in text

    with pytest.raises(DamagedScoreError, match="damaged score: "):
        decode(text.replace(old, new, 1).encode())


def test_every_cut_is_noticed(make_score: MakeScore) -> None:
    """No beginning of a record passes for a whole one."""
    data = encode(make_score()).rstrip()

    for end in range(0, len(data), 7):
        with pytest.raises((DamagedScoreError, ForeignScoreError)):
            decode(data[:end])


@pytest.mark.parametrize(
    "data", [b"[]", b"3", b"{}", b'{"schema": "x"}', b'{"name": "package.json"}']
)
def test_a_foreign_file_is_named_foreign(data: bytes) -> None:
    """JSON without our schema number was never a score."""
    with pytest.raises(ForeignScoreError, match="not a score"):
        decode(data)


@pytest.mark.parametrize("data", [b"", b"\x00", b"\xff\xfe", b'{"schema":' + b"[" * 10**5])
def test_garbage_is_damage(data: bytes) -> None:
    """Bytes that are no JSON, or never end nesting, raise our error and no other."""
    with pytest.raises((DamagedScoreError, ForeignScoreError)):
        decode(data)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(data: bytes) -> None:
    """Reading a stranger's file never crashes the reader."""
    with pytest.raises((DamagedScoreError, ForeignScoreError, NewerSchemaError)):
        decode(data)


def test_a_newer_schema_says_what_to_do(make_score: MakeScore) -> None:
    """A record of a later version asks for an update instead of looking damaged."""
    data = encode(make_score()).replace(b'"schema": 2', b'"schema": 3, "laurels": []')

    with pytest.raises(NewerSchemaError, match=r"schema 3, this one reads up to 2.*update"):
        decode(data)


def test_a_record_of_the_first_schema_is_read_as_one_without_private_specs(
    make_score: MakeScore,
) -> None:
    """Scores that were made before there were private specs and signatures still count."""
    score = make_score(loss=0.91)
    fields = json.loads(encode(score))
    for name in ("private_metric", "signature"):
        del fields[name]
    for spec in fields["specs"]:
        del spec["private"]

    old = decode(json.dumps({**fields, "schema": 1}).encode())

    assert old == score
    assert encode(old) == encode(score)


def test_the_schema_accepts_a_record_and_refuses_a_changed_one(make_score: MakeScore) -> None:
    """The published JSON Schema is valid and describes what is written."""
    schema = json_schema()
    validator = jsonschema.Draft202012Validator(schema)
    record = json.loads(encode(make_score(loss=0.9)))

    validator.check_schema(schema)
    validator.validate(record)
    assert not validator.is_valid({**record, "seed": 12})
    assert not validator.is_valid({**record, "bonus": 12})


def test_the_schema_in_docs_is_current() -> None:
    """docs/score.schema.json is what `python -m leaderboard.schema` writes."""
    path = Path(__file__).parents[2] / "docs" / "score.schema.json"

    assert json.loads(path.read_text(encoding="utf-8")) == json_schema()


def test_a_record_cannot_be_changed(make_score: MakeScore) -> None:
    """Records are frozen and can be members of a set."""
    score = make_score()

    assert {score, msgspec.structs.replace(score)} == {score}
    with pytest.raises(AttributeError):
        score.score = 100  # type: ignore[misc]
