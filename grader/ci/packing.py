"""Hand-ins as an artifact: packed where nothing is trusted, and read again where nothing of it is believed.

A pack is a plain tar: `manifest.json`, and one member for each hand-in. Whoever reads it takes neither
names nor the manifest for true. A content counts for what its id says, computed here, and which ids a pull
request hands in is read from the trees of its head, which the trusted side has fetched itself.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from grader.archives import DAMAGE
from grader.ci.finding import Found
from grader.ci.grading import MAX_TOTAL, AbsentError, Blobs
from grader.ci.layout import shown
from grader.errors import ObjectTooLargeError, RepositoryError, UsageError
from grader.git_objects import ID, Repository
from grader.submission import MAX_BYTES

MANIFEST: Final = "manifest.json"
MAX_MEMBERS: Final = 1000
MAX_PACK: Final = 2 * MAX_TOTAL
MAX_MANIFEST: Final = 1 << 20


class Item(msgspec.Struct, frozen=True):
    """A hand-in in the manifest, for people."""

    path: str
    blob: str
    sha256: str
    bytes: int


class Manifest(msgspec.Struct, frozen=True):
    """What the packer says of itself."""

    schema: Literal[1]
    base: str
    head: str
    number: int | None
    hand_ins: list[Item]


def pack(
    repository: Repository,
    found: Sequence[Found],
    ends: tuple[str, str],
    number: int | None,
    out: Path,
) -> Manifest:
    """Write the hand-ins to a tar; what is no file or too large is left out."""
    contents: dict[str, bytes] = {}
    items = []
    for one in found:
        try:
            data = repository.read(one.blob, MAX_BYTES) if one.kind == "file" else None
        except ObjectTooLargeError:
            data = None
        total = sum(map(len, contents.values()))
        if data is not None and total + len(data) <= MAX_TOTAL:
            contents[one.blob] = data
            digest = hashlib.sha256(data).hexdigest()
            items.append(Item(shown(one.path), one.blob, digest, len(data)))
    manifest = Manifest(1, *ends, number, items)
    members = {MANIFEST: msgspec.json.format(msgspec.json.encode(manifest), indent=2)}
    members |= {f"hand-ins/{blob}": data for blob, data in contents.items()}
    with tarfile.open(out, "w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in members.items():
            # Neither owner nor time, so that equal packs are equal files.
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return manifest


class Pack:
    """The contents of a pack by the ids that they have in git. Raises UsageError where it is no pack."""

    def __init__(self, path: Path, object_format: str) -> None:
        self._format = object_format
        self._blobs: dict[str, bytes] = {}
        self.said: Manifest | None = None
        try:
            if path.stat().st_size > MAX_PACK:
                raise UsageError(
                    f"{path} is larger than {MAX_PACK >> 20} MiB, so it is no pack of ours."
                )
            # Without compression nothing in it can be larger than it is.
            for name, data in _members(path.read_bytes()):
                if name == MANIFEST:
                    self.said = _manifest(data)
                else:
                    self._blobs[self._id(data)] = data
        except DAMAGE as error:
            raise UsageError(f"{path} is no pack: {shown(str(error))}.") from error

    def find(self, blob: str) -> bytes | None:
        """Return the content with this id, None if it is not there."""
        return self._blobs.get(blob)

    def _id(self, data: bytes) -> str:
        kind = hashlib.sha1 if self._format == "sha1" else hashlib.sha256
        return kind(b"blob %d\0" % len(data) + data).hexdigest()


def _members(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The files of a plain tar that are small enough.

    Header by header: what may come between two of them, such as names of any length, tarfile itself parses
    in quadratic time, and no pack of ours has it.
    """
    at = 0
    for _ in range(MAX_MEMBERS + 1):
        header = data[at : at + tarfile.BLOCKSIZE]
        if header == bytes(tarfile.BLOCKSIZE):
            return
        member = tarfile.TarInfo.frombuf(header, "utf-8", "surrogateescape")
        at += tarfile.BLOCKSIZE
        if not 0 <= member.size <= len(data) - at:
            raise tarfile.ReadError("it ends too early")
        if member.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and member.size <= MAX_BYTES:
            yield member.name, data[at : at + member.size]
        at += -(-member.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
    raise ValueError(f"it has more than {MAX_MEMBERS} members")


def _manifest(data: bytes) -> Manifest | None:
    try:
        return msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, RecursionError):
        return None


class PackedBlobs:
    """Contents from a pack; what it lacks, from the repository, if it is there."""

    def __init__(self, pack: Pack, repository: Blobs, head: str) -> None:
        self._pack = pack
        self._repository = repository
        self._head = head

    def read(self, blob: str, limit: int) -> bytes:
        """Return a content of at most `limit` bytes."""
        data = self._pack.find(blob)
        if data is not None and len(data) <= limit:
            return data
        try:
            return self._repository.read(blob, limit)
        except ObjectTooLargeError:
            raise
        except RepositoryError:
            raise AbsentError(self._lacking()) from None

    def _lacking(self) -> str:
        said = self._pack.said
        if said is not None and said.head != self._head and ID.fullmatch(said.head):
            packed, wanted = said.head[:12], self._head[:12]
            return (
                f"It was packed from commit {packed}, and {wanted} is to be graded: the pull request was "
                "pushed to in between. The check of the later push grades it."
            )
        return (
            "The pack does not hold this file as the commit has it. Push again: it is packed anew."
        )
