"""What a pull request hands in: found from the trees of its commits, before anything is read or graded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from grader.challenge import Challenge
from grader.ci.guarding import Guard, refusals
from grader.ci.layout import Layout, Place, decoded, is_git, same_name, shown, wrong_team
from grader.errors import UsageError
from grader.git_objects import Change, Repository

NAMED: Final = 5


class Rules(msgspec.Struct, frozen=True):
    """What whoever runs the grader says; nothing of it comes from the pull request.

    `challenges` by the name of the stub. `team`: whose pull request it is, None where the folder tells.
    """

    layout: Layout
    team: str | None
    challenges: Mapping[str, Challenge]
    protected: Sequence[Guard]
    max_hand_ins: int


class Found(msgspec.Struct, frozen=True):
    """A hand-in that was added or changed. `blob` is its content at the head, and `old_blob` what the base
    holds at that path, None where that is no file."""

    path: bytes
    team: str
    challenge: Challenge
    kind: str
    blob: str
    old_blob: str | None


class Rejected(msgspec.Struct, frozen=True):
    """A path that looks like a hand-in and is none that can be graded, and why."""

    path: bytes
    reason: str


class Findings(msgspec.Struct, frozen=True):
    """What a pull request changes. With `refusals` nothing of it is graded."""

    base: str
    head: str
    hand_ins: tuple[Found, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    refusals: tuple[str, ...] = ()
    removed: tuple[bytes, ...] = ()
    others: int = 0
    """Files that are neither hand-ins nor protected: nobody has looked at them."""


def find(repository: Repository, base: str, head: str, rules: Rules) -> Findings:
    """Return what `head` changes since it has left `base`; both are full ids of commits."""
    forks = repository.merge_bases(base, head)
    if not forks:
        raise UsageError(
            "The two commits have no common ancestor, so nobody can tell what was changed. Is the base the "
            "branch that the pull request goes to?"
        )
    # Histories that were merged crosswise have several; then a change to any of them counts.
    changes: dict[bytes, Change] = {}
    twice: list[bytes] = []
    for fork in forks:
        found = repository.changed(fork, head)
        counts = Counter(one.path for one in found)
        twice += [path for path, count in counts.items() if count > 1]
        changes |= {one.path: one for one in found}
    refused = refusals(changes, rules.protected) + _impossible(changes, twice)
    if refused:
        return Findings(base, head, refusals=tuple(refused))
    return _sorted_out(repository, base, head, rules, list(changes.values()))


def _impossible(changes: Mapping[bytes, Change], twice: Sequence[bytes]) -> list[str]:
    """What only somebody writes who writes trees by hand: no checkout could have it."""
    odd = [
        path
        for path in changes
        if any(name in ("", ".", "..") or is_git(name) for name in decoded(path).split("/"))
    ]
    sentences = (
        ("It holds names that no checkout can have", odd),
        ("It holds the same name twice", twice),
    )
    return [
        f"{words}: {', '.join(map(shown, paths[:NAMED]))}." for words, paths in sentences if paths
    ]


def _sorted_out(
    repository: Repository, base: str, head: str, rules: Rules, changes: Sequence[Change]
) -> Findings:
    places: list[tuple[Change, Place, Challenge]] = []
    rejected, removed, others = list[Rejected](), list[bytes](), 0
    for change in changes:
        place = rules.layout.match(decoded(change.path))
        challenge = rules.challenges.get(place.file) if place else None
        if place is None or challenge is None:
            near = _near(change, rules)
            rejected += [near] if near else []
            others += near is None
        elif change.status == "D":
            removed.append(change.path)
        elif reason := _wrong(place, rules):
            rejected.append(Rejected(change.path, reason))
        else:
            places.append((change, place, challenge))
    # Before more is asked of git, because there may be thousands.
    refused = _too_many(len(places) + len(rejected), rules.max_hand_ins)
    if refused:
        return Findings(base, head, refusals=tuple(refused))
    replaced = {one.path: one for one in repository.changed(base, head)} if places else {}
    hand_ins = tuple(_found(*one, rules, replaced) for one in places)
    refused = _alike(hand_ins)
    if refused:
        return Findings(base, head, refusals=tuple(refused))
    return Findings(base, head, hand_ins, tuple(rejected), (), tuple(removed), others)


def _found(
    change: Change,
    place: Place,
    challenge: Challenge,
    rules: Rules,
    replaced: Mapping[bytes, Change],
) -> Found:
    team = rules.team if place.team is None else place.team
    assert team is not None
    # What does not differ from the base is there already, as it is.
    before = replaced.get(change.path)
    kind, old = (change.kind, change.blob) if before is None else (before.old_kind, before.old_blob)
    old_blob = old if kind == "file" else None
    return Found(change.path, team, challenge, change.kind, change.blob, old_blob)


def _wrong(place: Place, rules: Rules) -> str | None:
    """Return why a path with the layout of a hand-in is not accepted, None if it is."""
    if place.team is None:
        return None
    reason = wrong_team(place.team)
    if reason is None and rules.team is not None and place.team != rules.team:
        whose, author = shown(place.team), shown(rules.team)
        return f"it lies in the folder of {whose}, and the pull request is by {author}"
    return reason


def _near(change: Change, rules: Rules) -> Rejected | None:
    """Tell of a file that somebody who does not mind capital letters would take for a hand-in."""
    names = {same_name(name): name for name in rules.challenges}
    meant = names.get(same_name(decoded(change.path).rpartition("/")[2]))
    if meant is None or change.status == "D":
        return None
    name = decoded(change.path).rpartition("/")[2]
    if name != meant:
        return Rejected(change.path, f"it has to be called {meant}, in exactly these letters")
    return Rejected(change.path, "it does not lie where hand-ins lie")


def _too_many(number: int, most: int) -> list[str]:
    if number <= most:
        return []
    return [f"It changes {number} hand-ins, and {most} are allowed in one pull request."]


def _alike(hand_ins: Sequence[Found]) -> list[str]:
    """Refuse what is one file or one team on some file systems and two on others."""
    first: dict[str, str] = {}
    for one in hand_ins:
        for name in (decoded(one.path), one.team):
            other = first.setdefault(same_name(name), name)
            if other != name:
                return [
                    f"It tells {shown(name)} from {shown(other)} by letters that many do not tell apart."
                ]
    return []
