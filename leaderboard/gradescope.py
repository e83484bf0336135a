"""A score as Gradescope's results.json, which an autograder writes to /autograder/results.

The format: https://gradescope-autograders.readthedocs.io/en/latest/specs/ ("Output format"); the same keys
are written by Gradescope's own runner, https://github.com/gradescope/gradescope-utils
(autograder_utils/json_test_runner.py). What private specs say is there, and shown after the due date.
"""

from typing import Any, Final, Literal

from leaderboard.cases import Case, cases, safe
from leaderboard.errors import ExportError
from leaderboard.formats import json_text
from leaderboard.reveal import final, public
from leaderboard.score import Metric, Score, SpecResult

Visibility = Literal["visible", "hidden", "after_due_date", "after_published"]
PRIVATE: Final[Visibility] = "after_due_date"
ORDERS: Final = {"lower": "asc", "higher": "desc"}


def gradescope(score: Score, revealed: bool = False) -> str:
    """The document, with a newline at its end; `revealed`: show what private specs say at once.

    The points of all specs are in it, and Gradescope adds them up. Raises `ExportError` where the
    grader failed: without a results.json Gradescope says so, and gives no points for it.
    """
    if score.status == "grader_fault":
        raise ExportError(
            f"{score.id} is our fault and no attempt: write no results.json, and grade again."
        )
    whole = final(score) if revealed else score
    shown = whole if revealed else public(score)
    specs = zip(cases(whole)[1:], whole.specs, strict=True)
    tests = [
        _test(number, case, spec, revealed) for number, (case, spec) in enumerate(specs, start=1)
    ]
    document: dict[str, Any] = {
        "execution_time": round(score.usage.wall_s, 3),
        "output": _output(shown),
        # Else Gradescope would take the text of a learner for markup.
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "stdout_visibility": "hidden",
        "tests": tests,
        "leaderboard": _columns(shown),
        "extra_data": {"id": safe(score.id, lines=False), "status": score.status},
    }
    if not tests:
        document["score"] = float(score.score)
    return json_text(document) + "\n"


def _test(number: int, case: Case, spec: SpecResult, revealed: bool) -> dict[str, Any]:
    test: dict[str, Any] = {
        "score": float(spec.earned),
        "max_score": float(spec.points),
        "name": case.name or "-",
        "number": str(number),
        "output": case.message,
        "visibility": PRIVATE if spec.private and not revealed else "visible",
    }
    # A remark never fails a hand-in: Gradescope would show it in red.
    status = {"status": "passed" if spec.outcome == "passed" else "failed"} if spec.points else {}
    return test | status


def _output(score: Score) -> str:
    told = [safe(score.message), safe(score.advice)]
    if score.output:
        told.append(f"What the hand-in printed:\n{safe(score.output)}")
    return "\n\n".join(one for one in told if one)


def _columns(score: Score) -> list[dict[str, Any]]:
    """The columns of Gradescope's leaderboard, best first: of what everybody may see."""
    columns: list[dict[str, Any]] = [{"name": "Points", "value": score.score, "order": "desc"}]
    metric: Metric | None = score.metric
    if metric is not None and metric.value is not None:
        value = round(metric.value, metric.precision)
        name = safe(metric.name, lines=False)
        columns.append({"name": name, "value": value, "order": ORDERS[metric.order]})
    return columns
