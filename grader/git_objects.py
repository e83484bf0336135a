"""A git repository's objects, read without any checkout: commits, what changed between them, files.

    repository = Repository("hand-ins.git")
    for change in repository.changed(base, head):
        if change.kind == "file":
            data = repository.read(change.blob, 1 << 20)

Nothing of the repository is executed, whatever its configuration says (git_process.py), links and
submodules are told as what they are and never followed, and a blob's size is looked at before it is read.
Paths are bytes: git knows no encoding.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from grader import git_process
from grader.errors import ObjectTooLargeError, RepositoryError

Kind = Literal["file", "link", "submodule", "none"]
Status = Literal["A", "M", "T", "D"]

ID: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# Of what git allows in the name of a ref, what no syntax of revisions and no option begins with.
NAME: Final = re.compile(r"(?!.*\.\.)[A-Za-z0-9_][A-Za-z0-9_.+-]*(/[A-Za-z0-9_.+-]+)*")
KINDS: Final[dict[str, Kind]] = {
    "100644": "file",
    "100664": "file",
    "100755": "file",
    "120000": "link",
    "160000": "submodule",
}
# What a short name may stand for: the list in gitrevisions(7).
SHORT: Final = (
    "refs/{}",
    "refs/tags/{}",
    "refs/heads/{}",
    "refs/remotes/{}",
    "refs/remotes/{}/HEAD",
)
GITFILE: Final = 4096


class Entry(msgspec.Struct, frozen=True):
    """A path of a commit's tree."""

    path: bytes
    mode: str
    blob: str

    @property
    def kind(self) -> Kind:
        """What it is; `none` where there is nothing, or something that git does not write."""
        return KINDS.get(self.mode, "none")


class Change(msgspec.Struct, frozen=True):
    """A path that differs between two commits; `mode` and `blob` are those of the later one."""

    path: bytes
    status: Status
    mode: str
    blob: str
    old_mode: str
    old_blob: str

    @property
    def kind(self) -> Kind:
        """What it is now; `none` where it was removed."""
        return KINDS.get(self.mode, "none")

    @property
    def old_kind(self) -> Kind:
        """What it was; `none` where it is new."""
        return KINDS.get(self.old_mode, "none")


class Repository:
    """A repository by its folder: a clone, a linked worktree or a bare one.

    Raises RepositoryError where there is none, and where its objects are not all its own.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._own = {"GIT_DIR": str(_git_folder(self.path))}
        self._objects = _common(Path(self._own["GIT_DIR"])) / "objects"
        _check_objects(self._objects, self.path)
        said = self._in_place("rev-parse", "--show-object-format").strip()
        if said not in git_process.FORMATS:
            raise RepositoryError(f"{self.path} has objects of an unknown format.")
        self.object_format: str = said

    # Commits.

    def commit(self, rev: str) -> str:
        """Return the full id of the commit that `rev` is: a full id, or the name of a branch, tag or HEAD.

        A name is for whoever can trust it; of strangers take full ids only. Raises RepositoryError.
        """
        return self._one_commit(rev if ID.fullmatch(rev) else self._resolved(rev), rev)

    def branches(self) -> dict[str, str]:
        """Return the ids that the branches of the repository itself point to, by their names."""
        said = self._in_place("for-each-ref", "--format=%(objectname) %(refname)", "refs/heads/")
        # Not by splitlines: the name of a branch may hold what Unicode takes for the end of a line.
        pairs = (line.partition(" ")[::2] for line in said.split("\n") if line)
        return {name.removeprefix("refs/heads/"): commit for commit, name in pairs}

    def merge_bases(self, base: str, head: str) -> list[str]:
        """Return the best common ancestors of two commits, by their full ids; none for unrelated ones."""
        if (self._objects.parent / "shallow").exists():
            raise RepositoryError(
                f"{self.path} holds a part of the history only, so nobody can tell where the two "
                "commits part. Fetch all of it: `git fetch --unshallow`, or fetch-depth: 0."
            )
        code, output, error = self._git("merge-base", "--all", _id(base), _id(head))
        if code > 1:
            raise self._failed("merge-base", error)
        return output.decode("ascii").split()

    # Trees.

    def changed(self, base: str, head: str) -> list[Change]:
        """Return what differs between the trees of two commits, by their full ids, in the order of paths.

        A renamed file is one that was removed and one that was added.
        """
        output = self._checked(
            *("diff-tree", "-r", "-z", "--raw", "--no-renames", "--no-ext-diff", "--no-textconv"),
            *("--no-abbrev", "--ignore-submodules=none", "--end-of-options", _id(base), _id(head)),
        )
        parts = output.split(b"\0")
        return [_change(parts[i], parts[i + 1]) for i in range(0, len(parts) - 1, 2)]

    def tree(self, rev: str, prefix: bytes = b"") -> list[Entry]:
        """Return what a commit, by its full id, holds at or below a path."""
        wanted = ["--", os.fsdecode(prefix)] if prefix else []
        output = self._checked("ls-tree", "-r", "-z", "--full-tree", _id(rev), *wanted)
        return [_entry(line) for line in output.split(b"\0") if line]

    def entry(self, rev: str, path: bytes) -> Entry | None:
        """Return what a commit, by its full id, holds at exactly this path."""
        return next((one for one in self.tree(rev, path) if one.path == path), None)

    # Blobs.

    def sizes(self, blobs: Sequence[str]) -> dict[str, int]:
        """Return the sizes of blobs in bytes, without reading them."""
        sizes = {}
        for line in self._batch_check(map(_id, blobs)):
            name, kind, size = (*line.split(" "), "", "")[:3]
            if kind != "blob":
                raise self._missing(name)
            sizes[name] = int(size)
        return sizes

    def read(self, blob: str, limit: int) -> bytes:
        """Return the content of a blob of at most `limit` bytes; of a larger one, raises
        ObjectTooLargeError before anything is read."""
        size = self.sizes([blob])[blob]
        if size > limit:
            raise ObjectTooLargeError(f"It has {size:,} bytes, and {limit:,} are allowed.")
        data = self._checked("cat-file", "blob", blob)
        kind = hashlib.sha1 if self.object_format == "sha1" else hashlib.sha256
        if kind(b"blob %d\0" % len(data) + data).hexdigest() != blob:
            raise RepositoryError(f"{self.path} is damaged: {blob} holds something else.")
        return data

    # How git is asked.

    def _git(self, *arguments: str, stdin: bytes = b"") -> tuple[int, bytes, str]:
        with git_process.borrowed(self._objects, self.object_format) as place:
            return git_process.run(place, *arguments, stdin=stdin)

    def _checked(self, *arguments: str) -> bytes:
        code, output, error = self._git(*arguments)
        if code:
            raise self._failed(arguments[0], error)
        return output

    def _in_place(self, *arguments: str) -> str:
        """As `_checked`, with the repository's own refs, and so with its own configuration."""
        code, output, error = git_process.run(self._own, *arguments)
        if code:
            raise self._failed(arguments[0], error)
        return output.decode("utf-8", "surrogateescape")

    def _resolved(self, name: str) -> str:
        if not NAME.fullmatch(name):
            raise RepositoryError(
                f"{name!r} is no commit: give its full id or the name of a branch."
            )
        self._check_meaning(name)
        ask = ("rev-parse", "--verify", "--quiet", "--end-of-options", name)
        code, output, _ = git_process.run(self._own, *ask)
        # Versions of git differ in whether the end of the options is echoed.
        found = output.decode("ascii", "replace").split()
        if code or not found or not ID.fullmatch(found[-1]):
            raise RepositoryError(f"{self.path} has no commit {name!r}.")
        return found[-1]

    def _check_meaning(self, name: str) -> None:
        """Raise RepositoryError where a short name is that of several refs; git itself prefers tags."""
        if name == "HEAD" or name.startswith("refs/"):
            return
        full = [rule.format(name) for rule in SHORT]
        said = self._in_place("for-each-ref", "--format=%(refname)", *full).splitlines()
        meant = [one for one in full if one in said]
        if len(meant) > 1:
            raise RepositoryError(
                f"{name} is the name of {' and of '.join(meant)} in {self.path}: write one of these."
            )

    def _one_commit(self, wanted: str, shown: str) -> str:
        (line,) = self._batch_check([f"{wanted}^{{commit}}"])
        name, kind, _ = (*line.split(" "), "", "")[:3]
        if kind != "commit":
            raise RepositoryError(f"{self.path} has no commit {shown!r}. Was it fetched?")
        return name

    def _batch_check(self, objects: Iterable[str]) -> list[str]:
        stdin = "".join(f"{one}\n" for one in objects).encode("ascii")
        code, output, error = self._git("cat-file", "--batch-check", stdin=stdin)
        if code:
            raise self._failed("cat-file", error)
        return output.decode("ascii", "replace").splitlines()

    def _failed(self, what: str, error: str) -> RepositoryError:
        said = error.partition("\n")[0].removeprefix("fatal: ") or "it ended without a word"
        return RepositoryError(f"git {what} failed in {self.path}: {said}.")

    def _missing(self, name: str) -> RepositoryError:
        return RepositoryError(
            f"{self.path} lacks the file {name}. Fetch it whole, without a filter."
        )


def _id(rev: str) -> str:
    if not ID.fullmatch(rev):
        raise RepositoryError(f"{rev!r} is not the full id of an object.")
    return rev


def _entry(line: bytes) -> Entry:
    facts, _, path = line.partition(b"\t")
    mode, _, blob = facts.decode("ascii").split(" ")
    return Entry(path, mode, blob)


def _change(facts: bytes, path: bytes) -> Change:
    old_mode, mode, old_blob, blob, status = facts.decode("ascii").removeprefix(":").split(" ")
    kind = msgspec.convert(status[:1], Status)
    return Change(path, kind, mode, blob, old_mode, old_blob)


def _git_folder(path: Path) -> Path:
    """Return the folder that git keeps its things in."""
    inner = path / ".git"
    if inner.is_file():
        return _named_in(inner, "gitdir: ", path)
    found = inner if inner.is_dir() else path
    if not (found / "HEAD").is_file() or not (found / "refs").exists():
        raise RepositoryError(f"{path} is no git repository.")
    return found.resolve()


def _common(folder: Path) -> Path:
    """Return the folder that a linked worktree shares with its repository, else the folder itself."""
    file = folder / "commondir"
    return _named_in(file, "", folder) if file.is_file() else folder


def _named_in(file: Path, lead: str, base: Path) -> Path:
    with file.open("rb") as opened:
        text = opened.read(GITFILE).decode("utf-8", "surrogateescape").strip()
    target = (base / text.removeprefix(lead)).resolve()
    if not text.startswith(lead) or not target.is_dir():
        raise RepositoryError(f"{file} names no git repository.")
    return target


def _check_objects(objects: Path, path: Path) -> None:
    """Raise RepositoryError where the objects, or some of them, lie in another repository."""
    if objects.is_symlink() or not objects.is_dir():
        raise RepositoryError(
            f"{path} is no git repository: it has no folder of objects of its own."
        )
    if (objects / "info" / "alternates").exists():
        raise RepositoryError(
            f"{path} borrows objects of another repository. Make it whole: `git repack -a -d`, then "
            "remove objects/info/alternates."
        )
