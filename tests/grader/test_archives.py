"""Archives of hand-ins: what is in them comes out, and nothing that an archive says is believed."""

from __future__ import annotations

import contextlib
import io
import lzma
import os
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import pytest

from grader.archives import KEPT, Bounds, is_archive, unpack
from grader.errors import UsageError

FILES = {"ada/04.py": b"a = 1\n", "Zo\u00eb \u6771/04/submission.py": b"b = 2\n"}
MODES = {".tar": "w:", ".tar.gz": "w:gz", ".tgz": "w:gz", ".tar.bz2": "w:bz2", ".tar.xz": "w:xz"}
SMALL = Bounds(members=10, total=1 << 20, ratio=20, free=1 << 17, depth=4)


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    """A zip with these files."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def tarred(path: Path, files: dict[str, bytes], mode: str = "w:") -> Path:
    """A tar with these files."""
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def packed(path: Path, files: dict[str, bytes]) -> Path:
    """An archive of the kind that the ending says."""
    if path.suffix == ".zip":
        return zipped(path, files)
    return tarred(path, files, MODES["".join(path.suffixes)])


def unpacked(folder: Path) -> dict[str, bytes]:
    """The files below a folder."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where to unpack to: a folder in a folder, so that what leaves it would be seen."""
    inner = tmp_path / "outer" / "inner"
    inner.mkdir(parents=True)
    return inner


@pytest.mark.parametrize("ending", [".zip", *MODES])
def test_python_files_come_out(ending: str, folder: Path, tmp_path: Path) -> None:
    """Every kind of archive gives its Python files, but for hidden ones and tools, and names others."""
    more = {
        "ada/.secret.py": b"1",
        "ada/__pycache__/04.py": b"1",
        "__MACOSX/ada/04.py": b"1",
        "./bob//04.py": b"c = 3\n",
        "ada/04.ipynb": b"{}",
    }
    others = unpack(packed(tmp_path / f"hand-ins{ending}", FILES | more), folder)

    assert unpacked(folder) == {**FILES, "bob/04.py": b"c = 3\n"}
    assert others == ["ada/04.ipynb"]


def test_modes_of_an_archive_do_not_count(folder: Path, tmp_path: Path) -> None:
    """A file that is unreadable or belongs to another in the archive is an ordinary one of ours."""
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        info = tarfile.TarInfo("ada/04.py")
        info.mode, info.uid, info.mtime = 0o6000, 12345, 1
        archive.addfile(info)
    unpack(tmp_path / "a.tar", folder)

    status = (folder / "ada" / "04.py").stat()
    assert (status.st_uid, status.st_mode & 0o7700) == (os.getuid(), 0o600)
    assert status.st_mtime > 1


@pytest.mark.parametrize("ending", [".zip", ".tar"])
def test_a_long_file_is_kept_as_far_as_its_reader_looks(
    ending: str, folder: Path, tmp_path: Path
) -> None:
    """One team's file of gigabytes is that team's problem, and is not written to our disk."""
    files = {"ada/04.py": bytes(3 * KEPT), "bob/04.py": b"x = 1\n"}
    unpack(packed(tmp_path / f"a{ending}", files), folder)

    assert (folder / "ada" / "04.py").stat().st_size == KEPT
    assert (folder / "bob" / "04.py").read_bytes() == b"x = 1\n"


def test_streams_of_xz_one_after_the_other(folder: Path, tmp_path: Path) -> None:
    """What several writers have compressed in pieces is one archive, padding between them or not."""
    whole = tarred(tmp_path / "a.tar", FILES).read_bytes()
    path = tmp_path / "a.tar.xz"
    path.write_bytes(lzma.compress(whole[:700]) + bytes(8) + lzma.compress(whole[700:]) + bytes(4))
    unpack(path, folder)

    assert unpacked(folder) == FILES


# Refused by name or kind.

NAMES = {
    "absolute": "/tmp/04.py",
    "parent": "../04.py",
    "parent_inside": "ada/../../04.py",
    "parent_of_a_tool": "__pycache__/../../04.py",
    "drive": "C:/04.py",
    "backslash": "ada\\..\\..\\04.py",
    "long": f"ada/{'x' * 300}.py",
    "deep": f"{'d/' * 40}04.py",
}


@pytest.mark.parametrize("ending", [".zip", ".tar"])
@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_leads_elsewhere_is_refused(
    name: str, ending: str, folder: Path, tmp_path: Path
) -> None:
    """Absolute names, parents, drives, backslashes, and what no file system takes."""
    archive = packed(tmp_path / f"a{ending}", {**FILES, NAMES[name]: b"x = 1\n"})

    with pytest.raises(UsageError, match=r"a\.(zip|tar) is not unpacked"):
        unpack(archive, folder)
    assert set(unpacked(tmp_path)) <= {f"outer/inner/{one}" for one in FILES} | {archive.name}


def test_a_name_with_a_nul_is_refused(folder: Path, tmp_path: Path) -> None:
    """A name that is one thing to C and another to Python."""
    archive = zipped(tmp_path / "a.zip", {"ada/04.pyXx": b"x = 1\n"})
    archive.write_bytes(archive.read_bytes().replace(b"04.pyX", b"04.py\0"))

    with pytest.raises(UsageError, match="NUL"):
        unpack(archive, folder)


TWICE = {
    "case": ("ada/04.py", "ada/04.PY"),
    "case_of_the_team": ("ada/04.py", "Ada/03.py"),
    "accents": ("Zo\u00eb/04.py", "Zoe\u0308/04.py"),
    "sharp_s": ("stra\u00dfe/04.py", "STRASSE/04.py"),
    "dots": ("ada/04.py", "ada/./04.py"),
    "file_and_folder": ("ada/04.py", "ada/04.py/submission.py"),
    "folder_and_file": ("ada/04.py/submission.py", "ada/04.py"),
}


@pytest.mark.parametrize("ending", [".zip", ".tar"])
@pytest.mark.parametrize("name", TWICE)
def test_names_that_are_one_file_somewhere_are_refused(
    name: str, ending: str, folder: Path, tmp_path: Path
) -> None:
    """No member overwrites another, on file systems that fold case and accents neither."""
    files = {one: str(number).encode() for number, one in enumerate(TWICE[name])}

    with pytest.raises(UsageError, match="twice, or differs only"):
        unpack(packed(tmp_path / f"a{ending}", files), folder)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_the_same_name_twice_is_refused(folder: Path, tmp_path: Path) -> None:
    """Which of the two would count is for the packer to say."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("ada/04.py", "a = 1\n")
        archive.writestr("ada/04.py", "a = 2\n")

    with pytest.raises(UsageError, match=r"'ada/04\.py' is in it twice"):
        unpack(tmp_path / "a.zip", folder)


KINDS = {
    "link": tarfile.SYMTYPE,
    "hard_link": tarfile.LNKTYPE,
    "pipe": tarfile.FIFOTYPE,
    "device": tarfile.CHRTYPE,
    "disk": tarfile.BLKTYPE,
    "sparse": tarfile.GNUTYPE_SPARSE,
    "unknown": b"Z",
}


@pytest.mark.parametrize("kind", KINDS)
def test_only_files_and_folders_come_out_of_a_tar(kind: str, folder: Path, tmp_path: Path) -> None:
    """Links, pipes, devices and what nobody knows are refused, by name."""
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        info = tarfile.TarInfo("ada/04.py")
        info.type, info.linkname = KINDS[kind], "/etc/passwd"
        archive.addfile(info)

    with pytest.raises(UsageError, match=r"'ada/04\.py' is neither a file nor a folder"):
        unpack(tmp_path / "a.tar", folder)
    assert unpacked(folder) == {}


@pytest.mark.parametrize("mode", [0o120777, 0o010600, 0o020600])
def test_only_files_and_folders_come_out_of_a_zip(mode: int, folder: Path, tmp_path: Path) -> None:
    """A link or a device in a zip is refused too."""
    info = zipfile.ZipInfo("ada/04.py")
    info.external_attr = mode << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")

    with pytest.raises(UsageError, match="neither a file nor a folder"):
        unpack(tmp_path / "a.zip", folder)


def test_links_of_an_environment_do_not_matter(folder: Path, tmp_path: Path) -> None:
    """What a tool has made beside a hand-in is passed over, links included."""
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        info = tarfile.TarInfo("ada/venv/bin/python")
        info.type, info.linkname = tarfile.SYMTYPE, "/usr/bin/python3"
        archive.addfile(info)

    assert unpack(tmp_path / "a.tar", folder) == []


def test_an_encrypted_member_is_refused(folder: Path, tmp_path: Path) -> None:
    """Nobody has told us a password."""
    path = zipped(tmp_path / "a.zip", FILES)
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)

    with pytest.raises(UsageError, match="encrypted"):
        unpack(path, folder)


def test_an_unusual_compression_is_refused(folder: Path, tmp_path: Path) -> None:
    """Only what needs little memory to unpack is unpacked."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("ada/04.py", "a = 1\n")

    with pytest.raises(UsageError, match="unusual way"):
        unpack(tmp_path / "a.zip", folder)


# Too much.


@pytest.mark.parametrize("ending", [".zip", *MODES])
def test_too_many_members_are_refused(ending: str, folder: Path, tmp_path: Path) -> None:
    """The number of members has a bound."""
    files = {f"team{number}/04.py": b"x = 1\n" for number in range(11)}

    with pytest.raises(UsageError, match="more than 10 members"):
        unpack(packed(tmp_path / f"a{ending}", files), folder, SMALL)


@pytest.mark.parametrize("ending", [".zip", *MODES])
def test_a_bomb_ends_at_the_limit(ending: str, folder: Path, tmp_path: Path) -> None:
    """What unpacks to far more than it is stops at the limit, in memory as on disk."""
    files = {f"team{number}/04.py": bytes(500_000) for number in range(9)}
    path = packed(tmp_path / f"a{ending}", files)
    tracemalloc.start()
    with pytest.raises(UsageError, match="packed too densely"):
        unpack(path, folder, SMALL)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert sum(len(data) for data in unpacked(folder).values()) <= SMALL.total
    # A dictionary of xz takes eight of them.
    assert peak < 10 << 20


def overlapping(count: int) -> bytes:
    """A zip whose members all share the bytes of one."""
    data = zlib.compress(bytes(1 << 20), 9)[2:-4]
    name = b"t/04.py"
    crc = zlib.crc32(bytes(1 << 20))
    sizes = struct.pack("<LLL", crc, len(data), 1 << 20)
    local = b"PK\3\4" + struct.pack("<HHHHH", 20, 0, 8, 0, 33) + sizes
    local += struct.pack("<HH", len(name), 0) + name
    body, central = local + data, b""
    for number in range(count):
        own = b"t%d/04.py" % number
        central += b"PK\1\2" + struct.pack("<HHHHHH", 20, 20, 0, 8, 0, 33) + sizes
        central += struct.pack("<HHHHHLL", len(own), 0, 0, 0, 0, 0, 0) + own
    end = struct.pack("<HHHHLLH", 0, 0, count, count, len(central), len(body), 0)
    return body + central + b"PK\5\6" + end


def test_members_that_share_their_bytes_are_refused(folder: Path, tmp_path: Path) -> None:
    """A better zip bomb, whose ratio has no end, is seen before a byte is unpacked."""
    (tmp_path / "a.zip").write_bytes(overlapping(5))

    with pytest.raises(UsageError, match=r"overlaps|Overlapped"):
        unpack(tmp_path / "a.zip", folder)
    assert unpacked(folder) == {}


def test_an_archive_in_an_archive_is_not_opened(folder: Path, tmp_path: Path) -> None:
    """A zip that holds itself ends after one step: only Python files are unpacked."""
    inner = zipped(tmp_path / "inner.zip", FILES).read_bytes()
    others = unpack(zipped(tmp_path / "a.zip", {"ada/inner.zip": inner}), folder)

    assert (others, unpacked(folder)) == (["ada/inner.zip"], {})


def test_a_list_of_members_of_gigabytes_is_not_read(folder: Path, tmp_path: Path) -> None:
    """The end of a zip says how long its list is, and is not believed."""
    data = bytearray(zipped(tmp_path / "a.zip", FILES).read_bytes())
    end = data.index(b"PK\5\6")
    filler = bytes(9 << 20)
    struct.pack_into("<L", data, end + 12, len(data) + len(filler) - 22)
    struct.pack_into("<L", data, end + 16, 0)
    (tmp_path / "a.zip").write_bytes(data[:end] + filler + data[end:])
    tracemalloc.start()
    with pytest.raises(UsageError, match="list of members"):
        unpack(tmp_path / "a.zip", folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert peak < 4 << 20


def test_a_header_that_takes_the_square_of_its_length_is_not_parsed(
    folder: Path, tmp_path: Path
) -> None:
    """An archive may hold thousands of them, seconds each; of a name and some attributes it holds any."""
    info = tarfile.TarInfo("name")
    info.type, info.size = tarfile.XHDTYPE, 60_000
    (tmp_path / "a.tar").write_bytes(info.tobuf() + b"1" * 60_000 + bytes(1 << 20))

    with pytest.raises(UsageError, match="header of unusual length"):
        unpack(tmp_path / "a.tar", folder)
    with tarfile.open(tmp_path / "b.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("red/" + "é" * 100 + ".py")
        info.pax_headers = {"LIBARCHIVE.xattr.user.note": "x" * 2000}
        archive.addfile(info)
    unpack(tmp_path / "b.tar", folder)
    assert len(list(folder.rglob("*.py"))) == 1


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_header_of_gigabytes_is_not_read(kind: bytes, folder: Path, tmp_path: Path) -> None:
    """A tar may announce a name of any length."""
    info = tarfile.TarInfo("name")
    info.type, info.size = kind, 3 << 30
    (tmp_path / "a.tar").write_bytes(info.tobuf() + bytes(1 << 20))

    with pytest.raises(UsageError, match="header of unusual length"):
        unpack(tmp_path / "a.tar", folder)


def test_headers_before_headers_without_end(folder: Path, tmp_path: Path) -> None:
    """Thousands of headers for one member are damage, not a crash."""
    info = tarfile.TarInfo("name")
    info.type, info.size = tarfile.XHDTYPE, 0
    (tmp_path / "a.tar").write_bytes(info.tobuf() * 5000)

    with pytest.raises(UsageError, match="damaged"):
        unpack(tmp_path / "a.tar", folder)


def test_xz_that_wants_gigabytes_of_memory_is_refused(folder: Path, tmp_path: Path) -> None:
    """The size of the dictionary stands in the file, and is bounded."""
    path = tmp_path / "a.tar.xz"
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 4096}]
    data = bytearray(lzma.compress(bytes(2000), filters=filters))
    block = data[12 : 12 + (data[12] + 1) * 4]
    # One flag for the dictionary's size, and the checksum of the header.
    at = block.index(b"\x21\x01") + 2
    block[at] = 38
    block[-4:] = struct.pack("<L", zlib.crc32(block[:-4]))
    data[12 : 12 + len(block)] = block
    path.write_bytes(data)

    with pytest.raises(UsageError, match="damaged or no such archive: Memory"):
        unpack(path, folder)


# Damaged.


@pytest.mark.parametrize("ending", [".zip", *MODES])
@pytest.mark.parametrize("damage", ["cut", "empty", "garbage"])
def test_a_damaged_archive_is_named(damage: str, ending: str, folder: Path, tmp_path: Path) -> None:
    """Half an archive, none at all and something else: a sentence with its name."""
    path = packed(tmp_path / f"hand-ins{ending}", FILES)
    data = path.read_bytes()
    half = data[:1536] if ending == ".tar" else data[: len(data) // 2]
    path.write_bytes({"cut": half, "empty": b"", "garbage": os.urandom(3000)}[damage])

    with pytest.raises(UsageError, match=r"hand-ins\.\S+ is damaged"):
        unpack(path, folder)


@pytest.mark.parametrize("ending", [".zip", ".tar", ".tar.gz", ".tar.xz"])
def test_a_changed_byte_is_never_a_traceback(ending: str, folder: Path, tmp_path: Path) -> None:
    """Wherever a byte is wrong, the archive is unpacked or refused in words."""
    path = packed(tmp_path / f"a{ending}", FILES)
    whole = path.read_bytes()
    for at in range(0, len(whole), max(1, len(whole) // 150)):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        target = folder / str(at)
        target.mkdir()
        with contextlib.suppress(UsageError):
            unpack(path, target)
    beside = {name for name in unpacked(tmp_path) if not name.startswith("outer/inner/")}

    assert beside == {path.name}


def test_a_tar_without_its_end_is_damaged(folder: Path, tmp_path: Path) -> None:
    """A tar that was cut between two members is not taken for a smaller one."""
    path = tarred(tmp_path / "a.tar", FILES)
    path.write_bytes(path.read_bytes()[:1024])

    with pytest.raises(UsageError, match="damaged"):
        unpack(path, folder)


def test_a_header_in_the_middle_that_is_damaged_is_no_end(folder: Path, tmp_path: Path) -> None:
    """No team is lost in silence behind a damaged header."""
    path = tarred(tmp_path / "a.tar", FILES)
    data = bytearray(path.read_bytes())
    data[1024 + 148] ^= 0xFF
    path.write_bytes(data)

    with pytest.raises(UsageError, match="damaged"):
        unpack(path, folder)


@pytest.mark.parametrize(
    ("name", "known"),
    [
        *dict.fromkeys(["a.zip", "A.ZIP", "a.b.tar.gz", "a.TGZ", "a.tar.xz"], True).items(),
        *dict.fromkeys(["a.gz", "a.csv", "zip", "a.tar.zst", ".zip"], False).items(),
    ],
)
def test_archives_are_known_by_their_names(name: str, known: bool) -> None:
    """The ending says what an archive is."""
    assert is_archive(Path(name)) == known
