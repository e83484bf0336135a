"""A plan: each hand-in once, equal ones together, and after any interruption exactly what is missing."""

from __future__ import annotations

import random
import tracemalloc
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.challenge import Challenge, find, load
from grader.entries import Entry, Names, Skipped, collect, entries_of
from grader.errors import UsageError
from grader.grading import Attempt, build_score
from grader.planning import HandIn, Plan, Records, Terms, plan, read
from grader.submission import EMPTY_SHA256, Submission
from grader.supervising import Outcome
from grader.verdict import Verdict
from leaderboard.score import Score, Status
from leaderboard.store import StoredScore

MINI = load(Path(__file__).parent.parent / "challenges" / "90_mini")
BEGAN = datetime(2026, 11, 23, 12, tzinfo=UTC)
SHAS = ["a" * 64, "b" * 64, "c" * 64]
TIMES = [None, BEGAN - timedelta(hours=2), BEGAN - timedelta(hours=1)]


def hand_in(
    team: str = "ada",
    sha256: str = SHAS[0],
    challenge: Challenge = MINI,
    moment: datetime | None = None,
    shown: str = "ada/90.py",
) -> HandIn:
    """A hand-in that was read; one of the hash of nothing could not be."""
    problem = "It cannot be read." if sha256 == EMPTY_SHA256 else ""
    entry = Entry(team, challenge, f"/nowhere/{shown}", shown, moment)
    return HandIn(entry, Path(shown).name, sha256, problem, moment)


def score_of(
    one: HandIn, status: Status = "crashed", seed: str = "0123456789abcdef", began: datetime = BEGAN
) -> Score:
    """The record that a batch that began then would write for a hand-in."""
    challenge, moment = one.entry.challenge, one.submitted_at or began
    attempt = Attempt(challenge, one.entry.team, seed=seed, submitted_at=moment)
    outcome = Outcome([Verdict(status, "", [], None, "", "")], "", (), 1.5, 1.0, 1.0)
    return build_score(attempt, Submission(one.name, {}, one.sha256, 9), outcome, seed, "strong")


def records(hand_ins: list[HandIn], *scores: Score) -> Records:
    """These scores as the records of a store."""
    stored = [StoredScore(Path(f"{number}.json"), score) for number, score in enumerate(scores)]
    return Records(hand_ins, stored)


def to_record(made: Plan) -> list[HandIn]:
    """The hand-ins that a plan records, in its order."""
    return [one for job in made.jobs for one in job.hand_ins]


def place(one: HandIn) -> tuple[object, ...]:
    """What makes a hand-in one of its own."""
    return one.key, one.entry.submitted_at


@st.composite
def hand_ins(draw: st.DrawFn) -> list[HandIn]:
    """Hand-ins of few teams, few contents, two challenges, and with times now and then."""
    made = st.builds(
        hand_in,
        team=st.sampled_from(["ada", "bob", "東京", "\x1b[2J"]),
        sha256=st.sampled_from([*SHAS, EMPTY_SHA256]),
        challenge=st.sampled_from([MINI, find("04")]),
        moment=st.sampled_from(TIMES),
        shown=st.integers(0, 6).map(lambda number: f"some/{number}.py"),
    )
    return draw(st.lists(made, max_size=12))


@given(hand_ins(), st.randoms())
def test_the_order_of_files_makes_no_difference(ours: list[HandIn], rng: random.Random) -> None:
    """A plan is a function of what was handed in."""
    shuffled = rng.sample(ours, len(ours))

    assert plan(shuffled, (), records([]), "new") == plan(ours, (), records([]), "new")


@given(hand_ins())
def test_everything_is_planned_once(ours: list[HandIn]) -> None:
    """Each team's hand-in is recorded once, equal bytes are graded once, and nothing is lost in silence."""
    made = plan(ours, (), records([]), "new")
    recorded = [place(one) for one in to_record(made)]
    graded = [(job.challenge.id, job.sha256) for job in made.jobs if job.is_graded]

    assert len(set(recorded)) == len(recorded)
    assert len(set(graded)) == len(graded)
    assert {one.key for one in ours} == {one.key for one in to_record(made)}
    assert made.hand_ins + len(made.skipped) == len(ours)
    challenges = [job.challenge.key for job in made.jobs]
    assert challenges == sorted(challenges)


@given(hand_ins(), st.integers(0, 12), st.integers(0, 12), st.randoms())
def test_after_any_interruption_exactly_the_rest_is_graded(
    ours: list[HandIn], first: int, second: int, rng: random.Random
) -> None:
    """Killed twice anywhere, also between the teams of one grading: in the end each has one record."""
    whole = plan(ours, (), records([]), "new")
    scores: list[Score] = []
    for number, recorded in enumerate((first, second, len(ours))):
        rng.shuffle(ours)
        made = plan(ours, (), records(ours, *scores), "resume")
        began = BEGAN + timedelta(days=number)
        scores += [score_of(one, began=began) for one in to_record(made)[:recorded]]
        done = {place(one) for one, _ in made.done}
        assert done | {place(one) for one in to_record(made)} == {
            place(o) for o in to_record(whole)
        }

    last = plan(ours, (), records(ours, *scores), "resume")
    assert last.jobs == ()
    assert len(scores) == whole.hand_ins == len(last.done)


def test_a_time_in_one_source_is_the_time(mini: Challenge) -> None:
    """A hand-in that a manifest dates and a folder does not is one hand-in, with the manifest's time."""
    dated, undated = hand_in(moment=TIMES[1], shown="m.csv"), hand_in(shown="a/90.py")
    made = plan([undated, dated], (), records([]), "new")

    assert to_record(made) == [dated]
    assert made.skipped == (Skipped("a/90.py", "the same as m.csv"),)


def test_scores_that_are_there_need_a_word() -> None:
    """Without --resume and --regrade nothing is graded twice, and nothing left out, by accident."""
    ours = [hand_in(), hand_in("bob")]

    with pytest.raises(UsageError, match=r"1 of 2 .*--resume.*--regrade"):
        plan(ours, (), records(ours, score_of(ours[0])), "new")


def test_a_regrade_grades_everything_and_keeps_the_times() -> None:
    """A hand-in that is graded again was handed in when it was handed in."""
    ours = [hand_in(), hand_in("bob")]
    made = plan(ours, (), records(ours, score_of(ours[0])), "regrade")

    assert [(one.entry.team, one.submitted_at) for one in to_record(made)] == [
        ("ada", BEGAN),
        ("bob", None),
    ]


def test_new_specs_grade_again() -> None:
    """A score under other specs is not that of a hand-in."""
    ours = [hand_in()]
    score = score_of(ours[0])
    info = msgspec.structs.replace(score.challenge, specs_sha256="0" * 64)
    made = plan(ours, (), records(ours, msgspec.structs.replace(score, challenge=info)), "resume")

    assert [one.submitted_at for one in to_record(made)] == [BEGAN]


def test_our_faults_are_no_scores() -> None:
    """A record of our own fault, whoever has put it there, does not count as done."""
    ours = [hand_in()]

    assert len(plan(ours, (), records(ours, score_of(ours[0], "grader_fault")), "resume").jobs) == 1


def test_a_time_of_a_manifest_must_agree() -> None:
    """The same bytes handed in again at another time are another hand-in."""
    ours = [hand_in(moment=TIMES[1]), hand_in(moment=TIMES[2])]
    made = plan(ours, (), records(ours, score_of(ours[0])), "resume")

    assert to_record(made) == [ours[1]]
    assert [one for one, _ in made.done] == [ours[0]]


def test_what_cannot_be_read_shares_nothing() -> None:
    """Hand-ins that cannot be read have one hash and different reasons."""
    ours = [
        hand_in("ada", EMPTY_SHA256, shown="ada/90.py"),
        hand_in("bob", EMPTY_SHA256, shown="bob/90.py"),
    ]
    made = plan(ours, (), records(ours, score_of(ours[0], "ungradable")), "resume")

    assert to_record(made) == [ours[1]]
    assert [job.is_graded for job in made.jobs] == [False]
    assert records(ours, score_of(ours[0])).files(MINI.specs_sha256(), EMPTY_SHA256) == []


TERMS = Terms("cpu", None, "strong", {"90": MINI.limits})


@pytest.mark.parametrize(
    ("terms", "seed", "held"),
    [
        (TERMS, "0123456789abcdef", True),
        (TERMS, "1f", False),
        (msgspec.structs.replace(TERMS, seed="1f"), "1f", True),
        (msgspec.structs.replace(TERMS, seed="1f"), "0123456789abcdef", False),
        (msgspec.structs.replace(TERMS, device="cuda"), "0123456789abcdef", False),
        (msgspec.structs.replace(TERMS, walls="weak"), "0123456789abcdef", False),
        (
            msgspec.structs.replace(
                TERMS, limits={"90": msgspec.structs.replace(MINI.limits, wall_s=1.0)}
            ),
            "0123456789abcdef",
            False,
        ),
    ],
    ids=["same", "chosen_seed", "same_seed", "other_seed", "device", "walls", "limits"],
)
def test_a_score_is_lent_under_the_same_terms_only(terms: Terms, seed: str, held: bool) -> None:
    """Device, walls, limits, and a seed that was drawn as well or is the same."""
    assert terms.hold(score_of(hand_in(), seed=seed)) == held


def test_another_team_lends_its_score() -> None:
    """What was graded for one team is offered for the same bytes of another, the latest first."""
    ours = [hand_in("ada"), hand_in("bob"), hand_in("bob", SHAS[1])]
    scores = [score_of(ours[0]), score_of(ours[0])]
    offered: list[list[str]] = []

    def lend(challenge: Challenge, files: list[str]) -> str | None:
        offered.append(files)
        return files[0] if files else None

    made = plan(ours, (), records(ours, *scores), "resume", lend)
    assert [(job.lent, job.is_graded) for job in made.jobs] == [("1.json", False), (None, True)]
    assert offered == [["1.json", "0.json"], []]


def test_a_hand_in_is_read_and_forgotten(tmp_path: Path) -> None:
    """Its hash is that of its score; a reason names the file as the user knows it."""
    good, bad = tmp_path / "good.py", tmp_path / "bad.py"
    good.write_text("x = 1\n")
    bad.write_bytes(b"\xff")
    one = read(Entry("ada", MINI, str(good), "a.zip/ada/90.py"))
    other = read(Entry("ada", MINI, str(tmp_path / "absent.py"), "a.zip/ada/91.py"))

    assert one.sha256 == Submission.of("", {"": b"x = 1\n"}).sha256
    assert (other.sha256, other.name) == (EMPTY_SHA256, "absent.py")
    assert other.problem.startswith("a.zip/ada/91.py does not exist.")
    assert str(tmp_path) not in other.problem
    assert "not UTF-8" in read(Entry("ada", MINI, str(bad), "x")).problem


def test_ten_thousand_hand_ins_take_little_memory(tmp_path: Path) -> None:
    """A plan holds paths and hashes: some hundreds of bytes for a hand-in of kilobytes."""
    filler = "#" * 4000
    for number in range(10_000):
        folder = tmp_path / "h" / f"team {number:05}"
        folder.mkdir(parents=True)
        (folder / "90.py").write_text(f"x = {number}  {filler}\n")
    skipped: list[Skipped] = []
    tracemalloc.start()
    found = collect([tmp_path / "h"], Names(MINI), tmp_path)
    ours = [read(entry) for entry in entries_of(found, skipped)]
    made = plan(ours, skipped, Records(ours, ()), "new")
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (len(made.jobs), made.hand_ins) == (10_000, 10_000)
    assert peak / 10_000 < 2500
    assert held <= peak
