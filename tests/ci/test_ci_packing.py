"""`grader ci pack` and `grade --pack`: the pack carries contents, and nothing of it is believed."""

from __future__ import annotations

import io
import json
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest
from git_repository import Git

from grader.ci.packing import MAX_MEMBERS, Pack
from grader.errors import UsageError

HAND_IN = "hand-ins/red/90_mini.py"
Place = Any


def packed(place: Place, head: str, number: int = 7) -> Path:
    """The pack of a commit, as the untrusted job makes it."""
    out: Path = place.folder / f"{head}.tar"
    done = place.run(head, "--out", str(out), "--number", str(number), command="pack")
    assert done.code == 0, done.err
    return out


def trees_only(place: Place, folder: Path, head: str) -> None:
    """Let the trusted side fetch a commit as the workflow does: its trees, and no content of any file."""
    clone = Git(folder)
    clone("remote", "add", "origin", place.git.path.as_uri())
    place.git("config", "uploadpack.allowFilter", "true")
    place.git("config", "uploadpack.allowAnySHA1InWant", "true")
    clone("fetch", "-q", "--no-tags", "origin", place.base)
    clone("fetch", "-q", "--no-tags", "--filter=blob:none", "origin", head)
    place.git = clone


@pytest.mark.walls
def test_the_trusted_side_needs_the_trees_only(place: Place, tmp_path: Path) -> None:
    """With the pack a hand-in is graded where only the trees of the pull request were fetched; without it
    the content is missed, in words."""
    head = place.commit({HAND_IN: place.part, "large.bin": b"x" * 5_000_000})
    pack = packed(place, head)
    trees_only(place, tmp_path / "trusted", head)
    code, report = place.report(head, "--pack", str(pack))
    without = place.run(head)

    assert (code, report["hand_ins"][0]["score"]) == (1, 40)
    assert without.code == 2
    assert "lacks the file" in without.err


def test_a_pack_lists_what_is_in_it(place: Place) -> None:
    """The manifest names commit, number and hand-ins; the same pack twice is the same file."""
    head = place.commit(
        {HAND_IN: place.part, "other.py": "x", "hand-ins/b/90_mini.py": "x" * 2_000_000}
    )
    first, second = packed(place, head).read_bytes(), packed(place, head).read_bytes()
    with tarfile.open(fileobj=io.BytesIO(first)) as archive:
        names = archive.getnames()
        file = archive.extractfile("manifest.json")
        manifest = json.loads(file.read()) if file else {}

    assert first == second
    assert (manifest["base"], manifest["head"], manifest["number"]) == (place.base, head, 7)
    (item,) = manifest["hand_ins"]
    assert names == ["manifest.json", f"hand-ins/{item['blob']}"]
    assert (item["path"], item["bytes"]) == (HAND_IN, len(place.part))


def forged(folder: Path, members: dict[str, bytes], **types: bytes) -> Path:
    """A pack as a stranger might make it."""
    out = folder / "forged.tar"
    with tarfile.open(out, "w") as archive:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        for name, kind in types.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
    return out


@pytest.mark.walls
def test_a_better_hand_in_in_the_pack_is_not_graded(place: Place, tmp_path: Path) -> None:
    """A pack with another content under the right name, and a manifest that says what it likes, changes
    nothing: what is graded is what the commit holds."""
    head = place.commit({HAND_IN: place.part})
    entry = place.git("rev-parse", f"{head}:{HAND_IN}")
    manifest = {"schema": 1, "base": place.base, "head": head, "number": 1, "hand_ins": []}
    members = {
        "manifest.json": json.dumps(manifest).encode(),
        f"hand-ins/{entry}": place.right.encode(),
        "../../../tmp/90_mini.py": place.right.encode(),
    }
    pack = forged(tmp_path, members, link=tarfile.SYMTYPE, fifo=tarfile.FIFOTYPE)
    code, report = place.report(head, "--pack", str(pack))

    assert (code, [one["score"] for one in report["hand_ins"]]) == (1, [40])
    trees_only(place, tmp_path / "trusted", head)
    code, report = place.report(head, "--pack", str(pack))
    assert (code, report["hand_ins"]) == (3, [])
    assert "does not hold this file as the commit has it" in report["rejected"][0]["reason"]


@pytest.mark.walls
def test_a_force_push_between_pack_and_grade(place: Place, tmp_path: Path) -> None:
    """Exactly the commit that was asked for is graded; if the pack is of an earlier one, that is said, and
    nobody's attempt is counted."""
    first = place.commit({HAND_IN: place.right})
    second = place.commit({HAND_IN: place.part})
    pack = packed(place, first)
    code, report = place.report(second, "--pack", str(pack))

    assert (report["head"], [one["score"] for one in report["hand_ins"]]) == (second, [40])
    trees_only(place, tmp_path / "trusted", second)
    code, report = place.report(second, "--pack", str(pack))
    assert (code, report["hand_ins"]) == (3, [])
    assert f"It was packed from commit {first[:12]}" in report["rejected"][0]["reason"]
    assert "pushed to in between" in report["rejected"][0]["reason"]


def test_the_pack_does_not_decide_what_is_refused(place: Place, tmp_path: Path) -> None:
    """Changes to protected files are read from the commit, whatever the pack leaves out."""
    head = place.commit({HAND_IN: place.right, "challenges/x": "y"})
    pack = packed(place, head)
    code, report = place.report(head, "--pack", str(pack))

    assert code == 3
    assert "the challenges" in report["refusals"][0]


@pytest.mark.parametrize(
    "data",
    [b"", b"no tar", b"\x1f\x8b\x08" + bytes(100), b"x" * (17 << 20)],
    ids=["empty", "text", "compressed", "large"],
)
def test_what_is_no_pack_is_said_to_be_none(tmp_path: Path, data: bytes) -> None:
    """Anything but a plain tar of bounded size is refused before it is unpacked."""
    path = tmp_path / "x.tar"
    path.write_bytes(data)

    with pytest.raises(UsageError, match=r"pack"):
        Pack(path, "sha1")


def test_a_pack_of_many_members_is_refused(tmp_path: Path) -> None:
    """A tar of endless members is not read to its end."""
    path = forged(tmp_path, {str(n): b"" for n in range(MAX_MEMBERS + 1)})

    with pytest.raises(UsageError, match=r"more than 1000 members"):
        Pack(path, "sha1")


def test_a_member_that_claims_any_size_is_passed_over(tmp_path: Path) -> None:
    """A sparse member of a terabyte, and one that is larger than a hand-in may be, are not read."""
    sparse = tarfile.TarInfo("sparse")
    headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.realsize": str(1 << 40),
    }
    sparse.pax_headers = {**headers, "GNU.sparse.name": "hand-ins/x"}
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        sparse.size = 512
        archive.addfile(sparse, io.BytesIO(b"0\n".ljust(512, b"\0")))
        large = tarfile.TarInfo("large")
        large.size = (1 << 20) + 1
        archive.addfile(large, io.BytesIO(bytes(large.size)))
    pack = Pack(path, "sha1")

    assert pack.said is None
    assert pack.find("0" * 40) is None


def test_a_header_of_megabytes_costs_no_time(tmp_path: Path) -> None:
    """What tarfile would parse in quadratic time is passed over, and what follows is read."""
    header = tarfile.TarInfo("x")
    header.type, header.size = tarfile.XHDTYPE, 8 << 20
    path = forged(tmp_path, {"x": b"a"})
    path.write_bytes(header.tobuf(tarfile.USTAR_FORMAT) + b"1" * header.size + path.read_bytes())
    started = time.monotonic()
    pack = Pack(path, "sha1")

    assert time.monotonic() - started < 5
    assert pack.find("2e65efe2a145dda7ee51d1741299f848e5bf752e") == b"a"


@pytest.mark.parametrize("size", [-512, 1 << 40])
def test_a_member_of_an_impossible_size_is_no_pack(tmp_path: Path, size: int) -> None:
    """A member that ends before it begins, or after the pack, is not read for ever."""
    member = tarfile.TarInfo("x")
    member.size = size
    path = tmp_path / "x.tar"
    path.write_bytes(member.tobuf(tarfile.GNU_FORMAT) + bytes(1024))

    with pytest.raises(UsageError, match=r"ends too early"):
        Pack(path, "sha1")


@pytest.mark.parametrize("text", ["", "[]", '{"schema": 2}', "[" * 100_000])
def test_a_manifest_that_is_none_is_ignored(tmp_path: Path, text: str) -> None:
    """The manifest is for people: whatever it holds, the contents stay what they are."""
    pack = Pack(forged(tmp_path, {"manifest.json": text.encode(), "x": b"a"}), "sha1")

    assert pack.said is None
    assert pack.find("2e65efe2a145dda7ee51d1741299f848e5bf752e") == b"a"
