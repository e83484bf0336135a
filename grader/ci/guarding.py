"""What a pull request with hand-ins may not change: whatever decides the gradings after it was merged.

The grade of the pull request itself is safe without this, because everything that grades comes from the
trusted side. What is not on the list is not looked at at all.
"""

from __future__ import annotations

import functools
import glob
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

import msgspec

from grader.ci.layout import decoded, same_name, shown
from grader.errors import UsageError
from grader.git_objects import Change

CHALLENGES: Final = "the challenges, with their specs and stubs"
WORKFLOWS: Final = "the workflows and scripts of CI"
KIT: Final = "the grader and what installs it"
SCORES: Final = "the scores and the rules of the event"
NAMED: Final = 5
ANYWHERE: Final = "**/"


class Guard(msgspec.Struct, frozen=True):
    """A pattern of protected paths, and what lies there: `challenges/` and `action.yml` stand at the top,
    `**/*.age` anywhere, and `*` is any part of a name. What lies below is protected too."""

    pattern: str
    what: str

    def holds(self, names: Sequence[str], leads: bool = False) -> bool:
        """Whether the parts of a path, as `same_name` gives it, are protected by this.

        `leads`: a link or a submodule is there, which in the place of a folder leads all below elsewhere.
        """
        anywhere, wanted = _parts(self.pattern)
        if not anywhere:
            return _begin(names, wanted, leads)
        return any(_begin(names[start:], wanted, leads) for start in range(len(names)))


# A pull request may change a hundred thousand paths.
@functools.cache
def _parts(pattern: str) -> tuple[bool, tuple[str, ...]]:
    inner = pattern.removeprefix(ANYWHERE)
    return inner != pattern, tuple(inner.removesuffix("/").split("/"))


def _begin(names: Sequence[str], wanted: Sequence[str], leads: bool) -> bool:
    return (leads or len(names) >= len(wanted)) and all(map(_fits, names, wanted))


def _fits(name: str, wanted: str) -> bool:
    return name == wanted or (("*" in wanted or "[" in wanted) and fnmatchcase(name, wanted))


GUARDS: Final = tuple(
    Guard(pattern, what)
    for what, patterns in (
        (CHALLENGES, "challenges/ starter/ **/*.age"),
        (
            WORKFLOWS,
            ".github/ .gitea/ .forgejo/ .gitlab/ .gitlab-ci.yml .circleci/ .woodpecker/ .ci/ docs/ci/"
            " jenkinsfile azure-pipelines.yml bitbucket-pipelines.yml action.yml action.yaml"
            " tox.ini noxfile.py makefile",
        ),
        (KIT, "grader/ leaderboard/ pyproject.toml setup.py setup.cfg constraints*.txt"),
        # What builds and installs it. hatchling runs hooks that hatch.toml names, and leaves out of a
        # wheel what the files of version control ignore.
        (KIT, "hatch.toml hatch_build.py manifest.in .gitignore .hgignore requirements*.txt"),
        (KIT, "uv.toml uv.lock pylock*.toml .python-version* .tool-versions"),
        (SCORES, "leaderboard.toml"),
    )
    for pattern in patterns.split()
)


def guards(extra: Iterable[str], repository: Path, places: Mapping[Path, str]) -> tuple[Guard, ...]:
    """Return the list with more patterns, and with the places in use (challenges, store) by their paths in
    whatever work tree holds them. Raises UsageError for a pattern that could protect nothing."""
    found = [*GUARDS, *(Guard(_checked(one), "what --protect names") for one in extra)]
    for place, what in places.items():
        for where in _inside(place, repository):
            names = same_name(where.as_posix()).split("/")
            if not any(one.holds(names) for one in found):
                found.append(Guard(f"{'/'.join(map(glob.escape, names))}/", what))
    return tuple(found)


def _checked(pattern: str) -> str:
    """Return a pattern of --protect as a guard has it."""
    inner = pattern.removeprefix(ANYWHERE)
    names = [name for name in inner.split("/") if name not in ("", ".")]
    if (
        not names
        or inner.startswith("/")
        or ".." in names
        or "**" in inner
        or set(inner) & set("?[]{}\\")
    ):
        raise UsageError(
            f"--protect takes a path from the top of the repository, FILE or DIR/, in which * is any part "
            f"of a name, or a name anywhere, '**/NAME' or '*.ext'; not {shown(pattern)!r}."
        )
    anywhere = inner != pattern or (len(names) == 1 and "*" in names[0])
    return same_name(f"{ANYWHERE if anywhere else ''}{'/'.join(names)}")


def _inside(place: Path, repository: Path) -> Iterator[Path]:
    """The paths that a place has in the repository's folder and in the work trees around both.

    The repository may be bare, or the folder `.git`, and then says nothing of the tree that is used.
    """
    # A link on the way is a way of its own: by its name it can be replaced.
    ways = {one for way in (place, repository) for one in (way.resolve(), _lexical(way))}
    tops = {one for way in ways for one in (way, *way.parents) if (one / ".git").exists()}
    tops |= {repository.resolve(), _lexical(repository), Path.cwd()}
    for where in sorted({place.resolve(), _lexical(place)}):
        for top in sorted(tops - {where}):
            if where.is_relative_to(top):
                yield where.relative_to(top)


def _lexical(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow links


def refusals(changes: Mapping[bytes, Change], protected: Sequence[Guard]) -> list[str]:
    """Return a sentence for each kind of thing that must not be changed, with the first few paths."""
    hits: dict[str, list[str]] = {}
    for path, change in changes.items():
        names = same_name(decoded(path)).split("/")
        leads = change.kind in ("link", "submodule")
        guard = next((one for one in protected if one.holds(names, leads)), None)
        if guard is not None:
            hits.setdefault(guard.what, []).append(shown(path))
    return [
        f"It changes {what}: {', '.join(found[:NAMED])}"
        + (f" and {len(found) - NAMED} more." if len(found) > NAMED else ".")
        for what, found in hits.items()
    ]
