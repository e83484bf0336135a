"""A score as PrairieLearn's results.json, which an external grader writes to /grade/results.

The format: https://prairielearn.readthedocs.io/en/latest/externalGrading/ ("Grading results"), as
<pl-external-grader-results> shows it. It has no place for what is to be shown later, so that private specs
are to be left out before (leaderboard.reveal).
"""

from typing import Any, Final

from leaderboard.cases import cases, safe
from leaderboard.errors import ExportError
from leaderboard.formats import json_text
from leaderboard.score import Score
from leaderboard.text import clip

# The file may have 1 MB; a record is far smaller, but for its prints.
MAX_OUTPUT: Final = 100_000


def prairielearn(score: Score) -> str:
    """The document, with a newline at its end.

    A hand-in that could not be read or imported is not gradable there, and no attempt; one that crashed
    or ran too long is graded with 0. Raises `ExportError` where the grader failed.
    """
    if score.status == "grader_fault":
        raise ExportError(
            f"{score.id} is our fault and no attempt: write no results.json, and grade again."
        )
    if score.status == "ungradable":
        refusal = {"gradable": False, "format_errors": [safe(score.message)]}
        return json_text(refusal) + "\n"
    document: dict[str, Any] = {
        "gradable": True,
        "score": score.score / score.max_score if score.max_score else 0.0,
        "message": safe(score.message or score.advice),
        "output": clip(safe(score.output), MAX_OUTPUT),
        "tests": [
            {
                "name": case.name,
                "points": spec.earned,
                "max_points": spec.points,
                "message": case.message,
            }
            for case, spec in zip(cases(score)[1:], score.specs, strict=True)
        ],
    }
    return json_text(document) + "\n"
