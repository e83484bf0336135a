"""Recognises a hand-in that fails exactly as a known wrong solution does."""

from __future__ import annotations

from collections.abc import Sequence

from grader.challenge import Challenge, KnownMistake
from leaderboard.score import SpecResult

MOST = 2


def advise(challenge: Challenge, specs: Sequence[SpecResult]) -> str:
    """Return advice for a graded hand-in: that of the known mistakes with the same failed specs.

    Among these the ones whose messages agree best; nothing if more than two agree equally well.
    """
    failed = {spec.name: first_line(spec.message) for spec in specs if spec.outcome == "failed"}
    if not failed:
        return ""
    alike = [known for known in challenge.known_mistakes() if set(known.messages) == set(failed)]
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


def _agreement(known: KnownMistake, failed: dict[str, str]) -> int:
    return sum(known.messages[name] == message for name, message in failed.items())
