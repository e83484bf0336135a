"""Recognises a hand-in that fails exactly as a known wrong solution does."""

from __future__ import annotations

import re
from collections.abc import Sequence

from grader.challenge import Challenge, KnownMistake
from leaderboard.score import SpecResult

MOST = 2
_NUMBER = re.compile(r"\d+")
# A learner's own words follow "ValueError:", and places in a tensor follow a comma.
_DETAILS = re.compile(r"[:,(]")


def advise(challenge: Challenge, specs: Sequence[SpecResult]) -> str:
    """Return advice for a graded hand-in: that of the known mistakes with the same failed specs.

    At least one of these must have failed in the same way. Of several such mistakes the ones whose
    messages agree best; nothing if more than two agree equally well.
    """
    failed = {spec.name: first_line(spec.message) for spec in specs if spec.outcome == "failed"}
    if not failed:
        return ""
    alike = [known for known in challenge.known_mistakes() if _is_alike(known, failed)]
    if not alike:
        return ""
    best = max(_agreement(known, failed) for known in alike)
    chosen = [known for known in alike if _agreement(known, failed) == best]
    if len(chosen) > MOST:
        return ""
    return "This looks like: " + " Or: ".join(dict.fromkeys(known.advice for known in chosen))


def first_line(message: str) -> str:
    """Return the first line of a message: what is wrong, without the hint."""
    return message.partition("\n")[0]


def _is_alike(known: KnownMistake, failed: dict[str, str]) -> bool:
    # Of a challenge with few specs the untouched stub, too, fails the same ones as some mistake.
    return set(known.messages) == set(failed) and any(
        _way(known.messages[name]) == _way(message) for name, message in failed.items()
    )


def _way(message: str) -> str:
    """Return in which way a spec failed: a message without its numbers and details.

    "Your result is wrong in 4 of 8 values, only at …" is "Your result is wrong in # of # values".
    """
    return _NUMBER.sub("#", _DETAILS.split(message, maxsplit=1)[0]).rstrip(" .")


def _agreement(known: KnownMistake, failed: dict[str, str]) -> int:
    return sum(known.messages[name] == message for name, message in failed.items())
