"""What was handed in at an event as plain files, each challenge with a manifest: to be looked at,
compared, graded again.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path
from typing import Final

import msgspec

from grader.entries import COLUMNS, team_cell
from grader.events.folder import EventFolder, Rules, made_whole, owned_folder
from grader.events.waiting import Arrival, Queue
from grader.submission import Submission
from leaderboard.score import time_stamp
from leaderboard.store import folder_name
from leaderboard.text import printable

MANIFEST: Final = "hand-ins.csv"


class Written(msgspec.Struct, frozen=True):
    """How many hand-ins were written; what was not, and why."""

    hand_ins: int
    left_out: list[str]


def write_out(folder: EventFolder, rules: Rules, out: Path) -> Written:
    """Write all that has a score: `out/CHALLENGE/TEAM/TIME-HASH.py`, as its score is called in the store.

    A hand-in of several files is a folder of that name; each challenge has a manifest. Raises
    FileExistsAlreadyError where something is there, and GraderFault where the disk does not take it.
    """
    left_out: list[str] = []
    rows: dict[Path, list[list[str]]] = defaultdict(list)
    with made_whole(out) as draft:
        # Teams do not read each other's.
        owned_folder(draft)
        for one in Queue(folder.queue, folder.graded).graded():
            reason = _reason(one)
            if reason or isinstance(one, str):
                left_out.append(reason)
                continue
            top = _top(one, rules)
            place = _free(draft / top, _place(one))
            _write(one.submission, draft / top / place)
            arrived = one.arrived.isoformat(timespec="microseconds")
            rows[top].append([team_cell(one.team), one.challenge, place.as_posix(), arrived])
        for top, lines in rows.items():
            with (draft / top / MANIFEST).open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows([COLUMNS, *lines])
    return Written(sum(map(len, rows.values())), left_out)


def _reason(one: Arrival | str) -> str:
    """Why a hand-in is not written, empty if it is."""
    if isinstance(one, str):
        return f"graded/{one} is damaged"
    where = printable(f"{one.source} of {one.team}")
    if one.problem:
        return f"{where} was not read: {one.problem}"
    if Submission.of("", one.submission.files).sha256 != one.submission.sha256:
        return f"{where} holds names of files that are no text"
    return ""


def _top(one: Arrival, rules: Rules) -> Path:
    challenge = rules.challenges.get(one.challenge)
    return Path(folder_name(challenge.key if challenge else one.challenge))


def _place(one: Arrival) -> Path:
    name = f"{time_stamp(one.arrived)}-{one.submission.sha256[:12]}"
    if len(one.submission.files) == 1:
        name += ".py"
    return Path(folder_name(one.team), name)


def _free(folder: Path, place: Path) -> Path:
    """Another name where that one is taken: twelve digits of a hash can be made to agree."""
    number, free = 1, place
    while (folder / free).exists():
        number += 1
        free = place.with_name(f"{place.stem}-{number}{place.suffix}")
    return free


def _write(submission: Submission, place: Path) -> None:
    alone = len(submission.files) == 1
    for relative, data in submission.files.items():
        path = place if alone else place / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
