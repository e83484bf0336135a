"""Hand-ins in an archive: unpacked into a folder of ours, or refused with a sentence.

An archive may have been packed by anybody, so nothing in it is believed: names, sizes and kinds are
checked before a byte is written, what is written is counted while it is copied, and only Python files are
written at all, with none of the modes, owners and times that the archive gives them.
"""

from __future__ import annotations

import bz2
import contextlib
import gzip
import io
import lzma
import re
import stat
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Final, Protocol

import msgspec

from grader.errors import UsageError
from grader.submission import MAX_BYTES, SKIPPED
from grader.xz import XzStream

ENDINGS: Final = re.compile(r"\.(zip|tar|tar\.gz|tgz|tar\.bz2|tbz2|tar\.xz|txz)", re.IGNORECASE)
BLOCK: Final = 1 << 16
# Of a tar: for a path and some attributes. tarfile takes the square of its length in time.
HEADER: Final = 4096
# Of a longer file its reader wants to know only that it is too long.
KEPT: Final = MAX_BYTES + 1
# The list of members of a zip is read at once, before they can be counted.
ZIP_DIRECTORY: Final = 8 << 20
DAMAGE: Final = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    OSError,
    ValueError,
    NotImplementedError,
    RecursionError,
    OverflowError,
)


class Bounds(msgspec.Struct, frozen=True):
    """How much an archive may hold. `total` in bytes after unpacking, whether they are kept or not;
    more than `ratio` times the archive only up to `free` bytes; `depth` in folders; `name` and `path`, a
    component and all of them together, in bytes: a system takes 4,096 with the folders above them."""

    members: int = 50_000
    total: int = 512 << 20
    ratio: int = 200
    free: int = 32 << 20
    depth: int = 32
    name: int = 240
    path: int = 1024


class _RefusedError(Exception):
    """The archive holds what no hand-in needs, or more than is unpacked."""


def is_archive(path: Path) -> bool:
    """Whether the name is that of an archive that `unpack` knows."""
    return ENDINGS.fullmatch(_ending(path)) is not None


def unpack(archive: Path, folder: Path, bounds: Bounds | None = None) -> list[str]:
    """Unpack the Python files of an archive under `folder`; returns the names of other files in it.

    Hidden folders and those of tools are passed over. Raises UsageError, which names the archive, where it
    is damaged or holds a link, a device, a name that leads elsewhere, two names for one file, or too much.
    """
    unpacking = _Unpacking(folder, bounds or Bounds(), archive.stat().st_size)
    read = _zip if archive.name.lower().endswith(".zip") else _tar
    with _refusing(archive), archive.open("rb") as file:
        read(file, _ending(archive).lower(), unpacking)
    return unpacking.others


def unpack_tar(data: bytes, called: Path, folder: Path, bounds: Bounds) -> None:
    """Unpack every file of a plain tar that is in memory, by the same rules; `called` names it in errors.

    Of a file that is longer than a hand-in's may be, only a byte more than that is written.
    """
    with _refusing(called):
        _tar(io.BytesIO(data), ".tar", _Unpacking(folder, bounds, len(data), python_only=False))


@contextlib.contextmanager
def _refusing(archive: Path) -> Iterator[None]:
    """Turn what is wrong with an archive into a UsageError that names it."""
    try:
        yield
    except _RefusedError as error:
        raise UsageError(f"{archive} is not unpacked: {error}") from None
    except UnicodeError as error:
        raise UsageError(f"{archive} is damaged: a name in it is no text.") from error
    except DAMAGE as error:
        if isinstance(error, OSError) and error.filename is not None:
            raise
        raise UsageError(f"{archive} is damaged or no such archive: {_said(error)}.") from error


def _ending(path: Path) -> str:
    last = path.suffix
    inner = Path(path.stem).suffix.lower()
    return f"{inner}{last}" if inner == ".tar" else last


def _said(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__


class _Member(msgspec.Struct, frozen=True):
    """One entry of an archive, as it says of itself."""

    name: str
    folder: bool
    plain: bool
    """A folder or a regular file, and nothing that points elsewhere."""


class _Unpacking:
    """Decides on each member, and counts."""

    def __init__(self, folder: Path, bounds: Bounds, packed: int, python_only: bool = True) -> None:
        self._python_only = python_only
        self.others: list[str] = []
        self._folder = folder
        self._bounds = bounds
        self._most = min(bounds.total, max(bounds.free, bounds.ratio * packed))
        self._members = 0
        self._bytes = 0
        self._taken: dict[str, tuple[str, bool]] = {}

    def place(self, member: _Member) -> Path | None:
        """Return where the member is to be written, None if it is not; raises _RefusedError."""
        self._members += 1
        if self._members > self._bounds.members:
            raise _RefusedError(f"it has more than {self._bounds.members} members.")
        parts = _parts(member.name, self._bounds)
        if any(part.startswith(".") or part in SKIPPED or part == "__MACOSX" for part in parts):
            return None
        if not member.plain:
            raise _RefusedError(f"{member.name!r} is neither a file nor a folder.")
        if not parts:
            return None
        self._take(parts, member.folder)
        path = self._folder.joinpath(*parts)
        # Also where nothing comes into it: a folder without a Python file is a hand-in that lacks one.
        (path if member.folder else path.parent).mkdir(parents=True, exist_ok=True)
        if member.folder:
            return None
        if self._python_only and not parts[-1].endswith(".py"):
            self.others.append("/".join(parts))
            return None
        return path

    def count(self, size: int) -> None:
        """Take note of bytes that came out of the archive; raises _RefusedError."""
        self._bytes += size
        if self._bytes > self._most:
            raise _RefusedError(
                f"it holds more than {self._most >> 20} MiB, or is packed too densely."
            )

    def _take(self, parts: list[str], folder: bool) -> None:
        """Give the names to the member, unless another has them, or one that a Mac or Windows would
        take for the same."""
        for depth in range(1, len(parts) + 1):
            path, last = "/".join(parts[:depth]), depth == len(parts)
            key = unicodedata.normalize("NFC", path).casefold()
            entry = path, folder or not last
            if key in self._taken and (self._taken[key] != entry or (last and not folder)):
                raise _RefusedError(
                    f"{path!r} is in it twice, or differs only in case from another name."
                )
            self._taken[key] = entry


def _parts(name: str, bounds: Bounds) -> list[str]:
    """Return the components of a member's name; raises _RefusedError where it could lead elsewhere."""
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or ".." in parts or re.match(r"[A-Za-z]:", name):
        raise _RefusedError(f"{name!r} leads out of the folder.")
    if "\0" in name or "\\" in name:
        raise _RefusedError(f"{name!r} has a NUL or a backslash in its name.")
    if len(parts) > bounds.depth:
        raise _RefusedError(f"{name[:60]!r}… is more than {bounds.depth} folders deep.")
    sizes = [len(part.encode("utf-8", "surrogatepass")) for part in parts]
    if max(sizes, default=0) > bounds.name or sum(sizes) + len(sizes) > bounds.path:
        raise _RefusedError(f"{name[:60]!r}… is longer than a name may be.")
    return parts


class _Stream(Protocol):
    """What is read from front to back."""

    def read(self, size: int = BLOCK, /) -> bytes:
        """Return at most so many bytes, none at the end."""
        ...

    def close(self) -> None:
        """Let go of it."""
        ...


def _copy(source: _Stream, path: Path, size: int) -> None:
    left = min(size, KEPT)
    with path.open("xb") as target:
        while left > 0:
            block = source.read(min(left, BLOCK))
            if not block:
                raise EOFError(f"{path.name} ends too early")
            target.write(block)
            left -= len(block)


# Zip.


class _Careful:
    """A file that is never read in large pieces: a list of members of gigabytes is no list of hand-ins."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        """Read as the file does."""
        if size > ZIP_DIRECTORY:
            raise _RefusedError(f"its list of members is larger than {ZIP_DIRECTORY >> 20} MiB.")
        # Without a size it is the end of the file that is read, with the comment there.
        return self._file.read(size if size >= 0 else 2 * BLOCK)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def _zip(file: IO[bytes], ending: str, unpacking: _Unpacking) -> None:
    careful: Any = _Careful(file)
    with zipfile.ZipFile(careful) as archive:
        _check_overlaps(archive.infolist())
        for info in archive.infolist():
            path = unpacking.place(_of_zip(info))
            if path is None:
                continue
            if info.flag_bits & 1:
                raise _RefusedError(f"{info.filename!r} is encrypted.")
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise _RefusedError(
                    f"{info.filename!r} is packed in an unusual way: use plain zip."
                )
            with archive.open(info) as source:
                _copy(_Counted(source, unpacking), path, info.file_size)


def _of_zip(info: zipfile.ZipInfo) -> _Member:
    kind = stat.S_IFMT(info.external_attr >> 16)
    plain = kind in (0, stat.S_IFREG, stat.S_IFDIR)
    # The plain name ends at a NUL.
    return _Member(info.orig_filename, info.is_dir(), plain)


def _check_overlaps(infos: list[zipfile.ZipInfo]) -> None:
    """Members that share their bytes unpack to far more than the archive holds."""
    end = 0
    for info in sorted(infos, key=lambda info: info.header_offset):
        if info.header_offset < end:
            raise _RefusedError(f"{info.filename!r} overlaps with another member.")
        end = info.header_offset + info.compress_size


# Tar.


def _tar(file: IO[bytes], ending: str, unpacking: _Unpacking) -> None:
    with contextlib.closing(_unpacked(file, ending)) as plain:
        source: Any = _Counted(plain, unpacking)
        for info in _members(source):
            regular = info.type in (tarfile.REGTYPE, tarfile.AREGTYPE) and info.sparse is None
            member = _Member(info.name, info.isdir(), regular or info.isdir())
            path = unpacking.place(member)
            if path is not None:
                _copy(source, path, info.size)


def _members(source: Any) -> Iterator[tarfile.TarInfo]:
    source.longest = HEADER
    with tarfile.open(fileobj=source, mode="r:") as opened:
        archive: Any = opened
        while True:
            source.longest = HEADER
            info = archive.next()
            source.longest = BLOCK
            if info is None:
                break
            # tarfile keeps all that it has seen.
            archive.members.clear()
            yield info
    if source.last != bytes(tarfile.BLOCKSIZE):
        # tarfile takes a header that it cannot read for the end.
        raise tarfile.ReadError("it ends without the mark of an end")
    while source.read(BLOCK):
        # Checksums stand at the end of what is compressed.
        pass


def _unpacked(file: IO[bytes], ending: str) -> _Stream:
    if ending in (".tar.gz", ".tgz"):
        return gzip.open(file)
    if ending in (".tar.bz2", ".tbz2"):
        return bz2.open(file)
    return XzStream(file) if ending in (".tar.xz", ".txz") else file


class _Counted:
    """A stream that counts what it gives, reads in small pieces and seeks by reading."""

    def __init__(self, stream: _Stream, unpacking: _Unpacking) -> None:
        self._stream = stream
        self.last = b""
        self.longest = BLOCK
        self._unpacking = unpacking
        self._at = 0

    def read(self, size: int = -1) -> bytes:
        """Read at most so many bytes; a header that is longer than `longest` is none of a hand-in's."""
        if not 0 <= size <= self.longest:
            raise _RefusedError("it has a header of unusual length.")
        parts = []
        while size > 0:
            part = self._stream.read(size)
            if not part:
                break
            self._unpacking.count(len(part))
            self._at += len(part)
            size -= len(part)
            parts.append(part)
        self.last = b"".join(parts)
        return self.last

    def close(self) -> None:
        """The stream is not ours to close."""

    def tell(self) -> int:
        """Return how much was read."""
        return self._at

    def seek(self, position: int) -> int:
        """Go on to a later position."""
        if position < self._at:
            raise ValueError("a member that lies before its header")
        while self._at < position and self.read(min(self.longest, position - self._at)):
            pass
        return self._at
