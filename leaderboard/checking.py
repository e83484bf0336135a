"""Looks after folders of scores: what is wrong in one, and what another has that is new."""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from leaderboard.locks import if_abandoned
from leaderboard.score import Score, score_id, time_stamp
from leaderboard.signing import state
from leaderboard.store import Problem, Store, StoredScore, challenge_folder, folder_name

UNVERIFIED = {
    "unsigned": "nobody vouches for it",
    "forged": "its signature is not by these keys, or a field was changed",
}


def check(store: Store, keys: Sequence[str] = ()) -> Iterator[StoredScore | Problem]:
    """Every score of the store, and every problem; a score may be followed by problems of its own.

    Problems are files that cannot be read, ids and places that do not fit the contents, records
    that are there twice, what writers left that died, and with public keys also scores that none
    of them has signed. Nothing is changed.
    """
    seen: dict[bytes, Path] = {}
    folders: set[Path] = set()
    for one in store.each():
        yield one
        if isinstance(one, Problem):
            continue
        folders.add(one.path.parent)
        yield from _misfits(one, store.path)
        if keys and (signature := state(one.score, keys)) != "signed":
            yield Problem(one.path, f"{signature}: {UNVERIFIED[signature]}")
        first = seen.setdefault(fingerprint(one.score), one.path)
        if first != one.path:
            yield Problem(one.path, f"the same record as {first}")
    for folder in sorted(folders):
        for path in sorted(folder.glob(".*.tmp")):
            with if_abandoned(path) as abandoned:
                if abandoned:
                    yield Problem(path, "left by a writer that died; the next one sweeps it")


def merge(source: Store, target: Store, known: set[bytes]) -> Iterator[Path | Problem]:
    """Add what the source has and the target lacks; yields each new file, and what was skipped.

    `known` holds the fingerprints of the target's records, and is kept current. Links are not
    followed: they may lead to files of whoever merges. Raises `StoreWriteError`.
    """
    for one in source.each():
        if isinstance(one, Problem):
            yield one
        elif one.path.is_symlink():
            yield Problem(one.path, "a link, which is not followed")
        elif one.score.id != _id_of(one.score):
            yield Problem(one.path, f"its id should be {_id_of(one.score)}")
        elif (print_ := fingerprint(one.score)) not in known:
            yield target.add(one.score)
            known.add(print_)


def fingerprints(store: Store) -> set[bytes]:
    """What `merge` needs to know of its target."""
    return {fingerprint(one.score) for one in store.each() if isinstance(one, StoredScore)}


def fingerprint(score: Score) -> bytes:
    """Equal for equal records, however their files are spaced."""
    return hashlib.sha256(msgspec.msgpack.encode(score)).digest()


def _misfits(one: StoredScore, root: Path) -> Iterator[Problem]:
    if one.score.id != _id_of(one.score):
        yield Problem(one.path, f"its id should be {_id_of(one.score)}")
    score = one.score
    folder = root / challenge_folder(score) / folder_name(score.team)
    stem = f"{time_stamp(score.submitted_at)}-{score.submission.sha256[:12]}"
    found = one.path.stem
    number = found.removeprefix(f"{stem}-")
    if one.path.parent != folder or (found != stem and not number.isdecimal()):
        yield Problem(one.path, f"its place should be {folder / stem}.json")


def _id_of(score: Score) -> str:
    return score_id(score.challenge.id, score.submitted_at, score.submission.sha256)
