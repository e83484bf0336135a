"""What a pull request with hand-ins may not change: whatever decides the gradings after it was merged.

The grade of the pull request itself is safe without this, because everything that grades comes from the
trusted side. What is not on the list is not looked at at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import msgspec

from grader.ci.layout import decoded, same_name, shown

CHALLENGES: Final = "the challenges, with their specs and stubs"
WORKFLOWS: Final = "the workflows and scripts of CI"
KIT: Final = "the grader and what installs it"
SCORES: Final = "the scores and the rules of the event"
NAMED: Final = 5


class Guard(msgspec.Struct, frozen=True):
    """A pattern of protected paths, and what lies there: `challenges/` is a folder at the top with all
    below it, `action.yml` a file at the top, and `*.age` such a file anywhere."""

    pattern: str
    what: str

    def holds(self, path: str) -> bool:
        """Whether a path, as `same_name` gives it, is protected by this."""
        if self.pattern.endswith("/"):
            # A link in the place of the folder leads all that is below elsewhere.
            return f"{path}/".startswith(self.pattern)
        if "*" in self.pattern:
            return fnmatchcase(path.rpartition("/")[2], self.pattern)
        return path == self.pattern


GUARDS: Final = tuple(
    Guard(pattern, what)
    for what, patterns in (
        (CHALLENGES, "challenges/ starter/ *.age"),
        (
            WORKFLOWS,
            ".github/ .gitea/ .forgejo/ .gitlab/ .gitlab-ci.yml .circleci/ .woodpecker/ .ci/ docs/ci/"
            " jenkinsfile azure-pipelines.yml bitbucket-pipelines.yml action.yml action.yaml",
        ),
        (KIT, "grader/ leaderboard/ pyproject.toml setup.py setup.cfg constraints.txt"),
        (SCORES, "leaderboard.toml"),
    )
    for pattern in patterns.split()
)


def guards(extra: Iterable[str], repository: Path, places: dict[Path, str]) -> tuple[Guard, ...]:
    """Return the list with more patterns, and with the places in use (challenges, store) that lie inside
    the repository's folder."""
    found = [Guard(same_name(pattern), "what --protect names") for pattern in extra]
    top = repository.resolve()
    for place, what in places.items():
        where = place.resolve()
        if where != top and where.is_relative_to(top):
            found.append(Guard(same_name(f"{where.relative_to(top).as_posix()}/"), what))
    return (*GUARDS, *found)


def refusals(paths: Iterable[bytes], protected: Sequence[Guard]) -> list[str]:
    """Return a sentence for each kind of thing that must not be changed, with the first few paths."""
    hits: dict[str, list[str]] = {}
    for path in paths:
        name = same_name(decoded(path))
        guard = next((one for one in protected if one.holds(name)), None)
        if guard is not None:
            hits.setdefault(guard.what, []).append(shown(path))
    return [
        f"It changes {what}: {', '.join(found[:NAMED])}"
        + (f" and {len(found) - NAMED} more." if len(found) > NAMED else ".")
        for what, found in hits.items()
    ]
