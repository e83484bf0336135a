"""What the tests of sealed challenges share: a key, a sealed copy of a challenge, shingles of lines."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from grader import sealed
from grader.challenge import Challenge

SECRET = re.compile(rb"AGE-SECRET-KEY-1[A-Z0-9]{40,}")


class Key(msgspec.Struct, frozen=True):
    """An age key: the text of its file, and who to seal to."""

    text: str
    recipient: str

    @classmethod
    def new(cls) -> Key:
        """Draw one."""
        return cls(*sealed.new_identity())


def seal_into(challenge: Challenge, public: Path, *keys: Key, tar: bytes | None = None) -> Path:
    """Make the public folder of a challenge, sealed to these keys; `tar`: what is sealed instead."""
    folder = public / challenge.key
    folder.mkdir(parents=True)
    for name in sealed.PUBLIC:
        if (challenge.folder / name).is_file():
            (folder / name).write_bytes((challenge.folder / name).read_bytes())
    data = sealed.pack(challenge.folder) if tar is None else tar
    (folder / sealed.FILE).write_bytes(sealed.encrypt(data, [key.recipient for key in keys]))
    return folder


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    """A tar with these members, whatever they are called."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return file.getvalue()


def member(name: str, data: bytes = b"x = 1\n", **fields: object) -> tuple[tarfile.TarInfo, bytes]:
    """A member of a tar."""
    info = tarfile.TarInfo(name)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def hidden_lines(challenge: Challenge) -> set[bytes]:
    """Each line of specs, solutions and known mistakes that is nowhere in what a learner gets."""
    given = b"".join(
        path.read_bytes()
        for path in (challenge.brief, challenge.starter, challenge.rig)
        if path is not None and path.is_file()
    )
    lines: set[bytes] = set()
    for path in sealed.hidden_files(challenge.folder):
        lines |= {line.strip() for line in path.read_bytes().splitlines()}
    return {line for line in lines if len(line) >= 12 and line not in given}


def shingles(challenge: Challenge, lines: int = 2) -> set[bytes]:
    """Runs of consecutive lines of the hidden files: a title or a hint alone is none."""
    found: set[bytes] = set()
    for path in sealed.hidden_files(challenge.folder):
        text = [line for line in path.read_bytes().splitlines() if line.strip()]
        runs = (b"\n".join(text[n : n + lines]) for n in range(len(text) - lines + 1))
        found |= {run for run in runs if len(run) >= 30}
    return found


def files_below(folder: Path) -> Iterator[bytes]:
    """The contents of every file below a folder that can be read."""
    for path in folder.rglob("*"):
        try:
            if path.is_file():
                yield path.read_bytes()
        except OSError:
            continue
