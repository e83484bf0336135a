"""What changed between two scores, and between two versions of a hand-in."""

from __future__ import annotations

import msgspec

from grader.challenge import Challenge
from grader.comparing import compare, diff, sentences
from grader.grading import Attempt, build_score
from grader.submission import Submission, unreadable
from grader.supervising import Outcome
from grader.verdict import SpecVerdict, Verdict
from leaderboard.score import Metric, Score


def scored(mini: Challenge, passing: set[str], other: str = "failed") -> Score:
    """A score of the mini challenge in which these specs pass, and the others do not."""
    specs = [
        SpecVerdict(spec.name, "passed" if spec.name in passing else other, "", 0.1)  # type: ignore[arg-type]
        for spec in mini.specs
    ]
    verdict = Verdict("graded", "", specs, None, "2", "cpu")
    outcome = Outcome([verdict], "", (), 1.0, 1.0, 1.0)
    return build_score(Attempt(mini, "ada"), unreadable("x.py"), outcome, "1", "strong")


def test_gains_and_losses_are_told_apart(mini: Challenge) -> None:
    """Points gained and points lost stand beside each other, instead of cancelling out."""
    change = compare(scored(mini, {"test_row_means"}), scored(mini, {"test_double", "test_affine"}))

    assert [spec.name for spec in change.gained] == ["test_double", "test_affine"]
    assert [spec.name for spec in change.lost] == ["test_row_means"]
    assert sentences(change) == (
        "+50: now passes 2 specs",
        "−30: no longer passes “row_means returns the mean of each row.”",
    )


def test_what_fails_in_another_way_has_not_changed(mini: Challenge) -> None:
    """A spec that failed and is skipped now, or says something else, is no news."""
    change = compare(scored(mini, {"test_double"}), scored(mini, {"test_double"}, "skipped"))

    assert not change
    assert sentences(change) == ()


def test_more_specs_than_asked_for_are_counted(mini: Challenge) -> None:
    """As many titles as are wanted are named, else their number."""
    change = compare(scored(mini, set()), scored(mini, {"test_double", "test_row_means"}))

    assert sentences(change) == ("+60: now passes 2 specs",)
    assert "“row_means returns" in sentences(change, 2)[0]


def test_a_remark_that_is_gone_is_a_change_without_points(mini: Challenge) -> None:
    """Specs worth nothing are told as well."""
    before, now = scored(mini, set()), scored(mini, {"test_double"})
    free = [
        msgspec.structs.replace(
            score,
            specs=tuple(msgspec.structs.replace(s, points=0, earned=0) for s in score.specs),
        )
        for score in (before, now)
    ]

    assert sentences(compare(*free)) == (
        "±0: now passes “double returns twice its input, for inputs …”",
    )


def test_a_spec_that_is_new_is_no_gain(mini: Challenge) -> None:
    """Scores of two versions of a challenge are compared by the specs that both have."""
    before = scored(mini, set())
    before = msgspec.structs.replace(before, specs=before.specs[1:])

    assert not compare(before, scored(mini, {"test_double"}))


def test_the_metric_moves(mini: Challenge) -> None:
    """A metric is told with both of its values, and only when they differ as shown."""

    def measured(value: float) -> Score:
        metric = Metric(name="loss", value=value, stderr=None, order="lower", precision=2)
        return msgspec.structs.replace(scored(mini, set()), metric=metric)

    assert sentences(compare(measured(0.912), measured(0.834))) == ("loss 0.91 → 0.83",)
    assert not compare(measured(0.912), measured(0.913))


def test_titles_cannot_act_on_a_terminal(mini: Challenge) -> None:
    """A title of a foreign record is shown with its escapes spelled out."""
    now = scored(mini, {"test_double"})
    specs = tuple(msgspec.structs.replace(spec, title="\x1b[2J") for spec in now.specs)

    change = compare(scored(mini, set()), msgspec.structs.replace(now, specs=specs))

    assert sentences(change) == (r"+30: now passes “\x1b[2J”",)


def test_a_diff_goes_through_all_files() -> None:
    """Changed, new and removed files of a folder are all in its diff; equal ones are not."""
    before = Submission.of(
        "mine", {"submission.py": b"a\nb\n", "old.py": b"o\n", "same.py": b"s\n"}
    )
    now = Submission.of("mine", {"submission.py": b"a\nc\n", "same.py": b"s\n", "new.py": b"n\n"})

    lines = diff(before, now)

    assert [line for line in lines if line[0] in "+-" and line[:3] not in ("+++", "---")] == [
        "-b",
        "+c",
        "-o",
        "+n",
    ]
    assert "--- submission.py (before)" in lines
    assert diff(now, now) == []
