"""Reading a repository's objects: what is told, what is refused, and that nothing else runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from git_repository import Git

from grader import git_process
from grader.errors import ObjectTooLargeError, RepositoryError
from grader.git_objects import Repository

ROOT = Path(__file__).parent.parent.parent


def told(repository: Repository, base: str, head: str) -> dict[bytes, tuple[str, str]]:
    """What changed between two commits: status and kind by path."""
    return {one.path: (one.status, one.kind) for one in repository.changed(base, head)}


def test_changes_are_told_as_what_they_are(git: Git) -> None:
    """Files, links, submodules, removals and changes of type are told apart; names come as bytes."""
    base = git.commit({"a.py": "a", "b.py": "b", "gone.py": "c", "link": "d"})
    head = git.commit(
        {
            "a.py": "changed",
            "run.py": "x",
            "link": "a.py",
            "module": base,
            b"\xff\n\t$(id).py": "n",
            "-v.py": "m",
        },
        modes={"run.py": "100755", "link": "120000", "module": "160000"},
        removed=("gone.py",),
        onto=base,
    )

    assert told(Repository(git.path), base, head) == {
        b"a.py": ("M", "file"),
        b"run.py": ("A", "file"),
        b"link": ("T", "link"),
        b"module": ("A", "submodule"),
        b"gone.py": ("D", "none"),
        b"\xff\n\t$(id).py": ("A", "file"),
        b"-v.py": ("A", "file"),
    }


def test_a_file_is_read_as_it_was_committed(git: Git) -> None:
    """Attributes, filters and line endings change nothing of what is read."""
    data = b"x\r\ny\n"
    attributes = "*.py text eol=lf filter=evil diff=evil ident\n"
    head = git.commit({"a.py": data, ".gitattributes": attributes}, branch="main")
    git("config", "filter.evil.smudge", "echo evil")
    git("config", "core.autocrlf", "true")
    repository = Repository(git.path)
    entry = repository.entry(head, b"a.py")

    assert entry is not None
    assert repository.read(entry.blob, 100) == data
    assert repository.tree(head, b"a") == []


def test_a_large_file_is_refused_before_it_is_read(
    git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a blob of 200 MB only the size is asked for."""
    blob = git.blob(bytes(200 << 20))
    repository = Repository(git.path)
    monkeypatch.setattr(git_process, "MAX_OUTPUT", 1000)

    with pytest.raises(ObjectTooLargeError, match=r"It has 209,715,200 bytes"):
        repository.read(blob, 1 << 20)


def test_ten_thousand_files_are_listed_at_once(git: Git) -> None:
    """10,000 changed files are one call of git."""
    base = git.commit({"a.py": "a"})
    blob = git.blob(b"b")
    lines = "".join(f"100644 {blob}\thand-ins/team{n}/04.py\0" for n in range(10_000))
    git("update-index", "-z", "--index-info", stdin=lines.encode())
    head = git("commit-tree", git("write-tree"), "-p", base, "-m", "many")

    assert len(Repository(git.path).changed(base, head)) == 10_000


@pytest.mark.parametrize("kind", ["--bare", "--object-format=sha256"])
def test_both_kinds_of_ids(tmp_path: Path, kind: str) -> None:
    """Repositories with ids of 40 and of 64 digits are read alike, bare or not."""
    git = Git(tmp_path / "repository", kind)
    base = git.commit({"a.py": "a"}, branch="main")
    head = git.commit({"a.py": "b"}, onto=base, branch="work/ünï")
    repository = Repository(git.path)

    assert repository.branches() == {"main": base, "work/ünï": head}
    assert repository.commit(base) == base == repository.commit("main")
    (change,) = repository.changed(base, head)
    assert repository.read(change.blob, 1) == b"b"


@pytest.mark.parametrize(
    "rev",
    [
        "--upload-pack=touch pwned",
        "-h",
        "main..other",
        "main^{/x}",
        ":/a change",
        "@{-1}",
        "main:a.py",
        "",
        "a\nb",
        "nowhere",
        "../../etc/passwd",
        "0" * 40,
    ],
)
def test_only_names_and_full_ids_are_commits(git: Git, rev: str) -> None:
    """Options, ranges and the rest of git's syntax are refused, as is what is not there."""
    git.commit({"a.py": "a"}, branch="main")

    with pytest.raises(RepositoryError, match=r"no commit"):
        Repository(git.path).commit(rev)


def test_a_name_of_two_refs_is_none(git: Git) -> None:
    """Where a tag has the name of a branch, neither is preferred: the full names are asked for."""
    base = git.commit({"a.py": "a"}, branch="main")
    head = git.commit({"a.py": "b"}, onto=base, branch="work/topic")
    git("tag", "main", "work/topic")
    git("update-ref", "refs/remotes/origin/HEAD", head)
    git("update-ref", "refs/tags/HEAD", head)
    repository = Repository(git.path)

    with pytest.raises(RepositoryError, match=r"refs/tags/main and of refs/heads/main .*write one"):
        repository.commit("main")
    assert repository.commit("refs/heads/main") == repository.commit("heads/main") == base
    assert repository.commit("HEAD") == base
    for name in ("refs/tags/main", "work/topic", "origin"):
        assert repository.commit(name) == head


def test_a_tree_or_a_file_is_no_commit(git: Git) -> None:
    """The id of another object is not taken for a commit."""
    head = git.commit({"a.py": "a"})
    repository = Repository(git.path)

    for other in (git("rev-parse", f"{head}^{{tree}}"), git.blob(b"a")):
        with pytest.raises(RepositoryError, match=r"has no commit"):
            repository.commit(other)


def test_a_linked_worktree_is_read_like_its_repository(tmp_path: Path) -> None:
    """A `.git` file leads to the objects that its repository holds."""
    git = Git(tmp_path / "one")
    head = git.commit({"a.py": "a"}, branch="main")
    git("worktree", "add", "-q", "--detach", str(tmp_path / "two"), head)

    assert Repository(tmp_path / "two").commit("HEAD") == head


def test_merge_bases(git: Git) -> None:
    """The common ancestor of a fork is found, and unrelated histories have none."""
    base = git.commit({"a.py": "a"})
    ours = git.commit({"b.py": "b"}, onto=base)
    theirs = git.commit({"c.py": "c"}, onto=base)
    stranger = git.commit({"d.py": "d"})
    repository = Repository(git.path)

    assert repository.merge_bases(ours, theirs) == [base]
    assert repository.merge_bases(ours, stranger) == []


def test_a_shallow_clone_is_refused_where_it_matters(git: Git, tmp_path: Path) -> None:
    """Where the history is cut off, nobody guesses where two commits part."""
    base = git.commit({"a.py": "a"})
    head = git.commit({"a.py": "b"}, onto=base, branch="main")
    url = git.path.as_uri()
    git("clone", "-q", "--depth", "1", url, str(tmp_path / "shallow"))

    with pytest.raises(RepositoryError, match=r"fetch-depth: 0"):
        Repository(tmp_path / "shallow").merge_bases(head, head)


def test_objects_of_another_repository_are_refused(git: Git, tmp_path: Path) -> None:
    """Neither alternates nor a link make another repository's objects readable."""
    git.commit({"a.py": "a"}, branch="main")
    git("clone", "-q", "--shared", str(git.path), str(tmp_path / "borrower"))
    linked = Git(tmp_path / "linked", "--bare")
    shutil.rmtree(linked.path / "objects")
    (linked.path / "objects").symlink_to(git.path / "objects")

    for path in (tmp_path / "borrower", linked.path):
        with pytest.raises(RepositoryError):
            Repository(path)


@pytest.mark.parametrize("name", ["empty", "file", "absent", "lies"])
def test_what_is_no_repository_is_said_to_be_none(tmp_path: Path, name: str) -> None:
    """A folder, a file, nothing, and a `.git` file that leads nowhere are no repositories."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    (tmp_path / "lies").mkdir()
    (tmp_path / "lies" / ".git").write_text("gitdir: /nowhere\n")

    with pytest.raises(RepositoryError, match=r"no git repository"):
        Repository(tmp_path / name)


# A repository that means harm.


def evil_config(git: Git, marker: Path) -> None:
    """Fill the configuration with programs that leave a marker."""
    script = git.path / "evil.sh"
    script.write_text(f"#!/bin/sh\necho ran >> '{marker}'\n")
    script.chmod(0o755)
    keys = """
    core.fsmonitor core.pager core.sshCommand core.editor core.askPass core.gitProxy diff.external
    diff.evil.textconv diff.evil.command filter.evil.clean filter.evil.smudge filter.evil.process
    merge.evil.driver gpg.program credential.helper uploadpack.packObjectsHook remote.origin.uploadpack
    sequence.editor core.alternateRefsCommand pager.diff-tree pager.rev-parse interactive.diffFilter
    alias.rev-parse alias.cat-file alias.diff-tree alias.for-each-ref"""
    for key in keys.split():
        git("config", key, f"!{script}" if key.startswith("alias") else str(script))
    for key, value in {
        "core.hooksPath": str(git.path / "hooks"),
        "core.attributesFile": str(git.path / "attributes"),
        "core.repositoryFormatVersion": "1",
        "extensions.partialClone": "origin",
        "remote.origin.promisor": "true",
        "remote.origin.url": f"ext::{script}",
        "protocol.ext.allow": "always",
        "log.showSignature": "true",
        "trace2.eventTarget": str(marker),
        "diff.submodule": "diff",
    }.items():
        git("config", key, value)
    (git.path / "attributes").write_text("* diff=evil filter=evil merge=evil\n")
    (git.path / "info").mkdir(exist_ok=True)
    (git.path / "info" / "attributes").write_text("* diff=evil filter=evil\n")
    for hook in (
        "reference-transaction",
        "post-checkout",
        "fsmonitor-watchman",
        "post-index-change",
    ):
        shutil.copy(script, git.path / "hooks" / hook)


def test_nothing_of_a_hostile_configuration_runs(git: Git, tmp_path: Path) -> None:
    """Whatever programs a repository's configuration names, reading it starts none of them, also where
    an object is missing that it says to fetch."""
    base = git.commit({"a.py": "a", ".gitattributes": "* diff=evil filter=evil"}, branch="main")
    head = git.commit({"a.py": "b", "new.py": "c"}, onto=base, branch="work")
    missing = git.commit({"absent.py": "lost"}, onto=base, branch="lost")
    blob = git("rev-parse", f"{missing}:absent.py")
    marker = tmp_path / "marker"
    evil_config(git, marker)
    (git.path / "objects" / blob[:2] / blob[2:]).unlink()
    repository = Repository(git.path)

    assert repository.commit("main") == base
    assert set(repository.branches()) == {"main", "work", "lost"}
    assert repository.merge_bases(base, head) == [base]
    for change in repository.changed(base, head):
        repository.read(change.blob, 100)
    with pytest.raises(RepositoryError, match=r"lacks the file"):
        repository.read(blob, 100)
    with pytest.raises(RepositoryError, match=r"has no commit"):
        repository.commit("1" * 40)
    assert repository.tree(head)
    assert not marker.exists()


def test_replacements_grafts_and_a_forged_commit_graph_are_not_believed(git: Git) -> None:
    """What a commit is, is decided by its id, not by refs/replace or info/grafts."""
    base = git.commit({"a.py": "a"})
    head = git.commit({"a.py": "b"}, onto=base)
    other = git.commit({"secret.py": "s"})
    git("replace", head, other)
    git("update-ref", "refs/heads/main", head)
    (git.path / "info").mkdir(exist_ok=True)
    (git.path / "info" / "grafts").write_text(f"{head} {other}\n")
    repository = Repository(git.path)

    assert told(repository, base, head) == {b"a.py": ("M", "file")}
    assert repository.merge_bases(base, head) == [base]
    assert [one.path for one in repository.tree(head)] == [b"a.py"]


def test_an_object_with_another_content_is_damage(git: Git) -> None:
    """A file whose content does not fit its id is not read for it."""
    first, second = git.blob(b"honest"), git.blob(b"forged")
    place = git.path / "objects" / first[:2] / first[2:]
    place.chmod(0o644)
    shutil.copy(git.path / "objects" / second[:2] / second[2:], place)

    with pytest.raises(RepositoryError):
        Repository(git.path).read(first, 100)


def test_the_surroundings_do_not_steer_git(
    git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Variables that steer git are left behind, with every secret beside them."""
    head = git.commit({"a.py": "a"}, branch="main")
    other = Git(tmp_path / "other", "--bare")
    other.commit({"b.py": "b"}, branch="main")
    for name in ("GIT_DIR", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY"):
        monkeypatch.setenv(name, str(other.path))
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))
    monkeypatch.setenv("KIT_SECRET", "hush")

    assert Repository(git.path).commit("main") == head
    assert not (tmp_path / "trace").exists()
    assert "hush" not in git_process.environment().values()


def test_a_tree_that_unfolds_without_end_is_cut_off(
    git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tree that holds itself ten times over, ten levels deep, ends git and not the machine."""
    base = git.commit({"a.py": "a"})
    line = f"100644 blob {git.blob(b'x')}\tf\0"
    tree = git("mktree", "-z", stdin=line.encode())
    for _ in range(9):
        lines = "".join(f"040000 tree {tree}\t{n}\0" for n in range(10))
        tree = git("mktree", "-z", stdin=lines.encode())
    head = git("commit-tree", tree, "-p", base, "-m", "a bomb")
    monkeypatch.setattr(git_process, "MAX_MEMORY", 64 << 20)
    monkeypatch.setattr(git_process, "MAX_OUTPUT", 1 << 20)
    repository = Repository(git.path)

    with pytest.raises(RepositoryError, match=r"git diff-tree failed.*emory"):
        repository.changed(base, head)
    with pytest.raises(RepositoryError, match=r"git ls-tree says more than 1 MiB"):
        repository.tree(head)


def test_a_git_that_hangs_is_ended(git: Git, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration that is read from a pipe without a writer costs the time limit, and no more."""
    git.commit({"a.py": "a"}, branch="main")
    os.mkfifo(git.path / "pipe")
    with (git.path / "config").open("a") as config:
        config.write(f"[include]\n\tpath = {git.path}/pipe\n")
    monkeypatch.setattr(git_process, "TIMEOUT_S", 0.5)

    with pytest.raises(RepositoryError, match=r"was not done after"):
        Repository(git.path)


@pytest.mark.skipif(
    os.name != "posix" or os.getuid() != 0, reason="only root can become another user"
)
def test_another_users_repository_is_read(git: Git, tmp_path: Path) -> None:
    """A repository that belongs to another user is read, and still nothing of it runs."""
    head = git.commit({"a.py": "a"}, branch="main")
    for path in [git.path, *git.path.rglob("*")]:
        shutil.chown(path, 12345)

    assert Repository(git.path).commit("main") == head


def test_no_folders_are_left_behind(git: Git, tmp_path: Path) -> None:
    """Each call of git cleans up after itself."""
    head = git.commit({"a.py": "a"}, branch="main")
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    code = (
        "import sys; from grader.git_objects import Repository; r = Repository(sys.argv[1]);"
        "r.changed(sys.argv[2], sys.argv[2]); r.branches(); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(git.path), head],
        env={**os.environ, "TMPDIR": str(temporary)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert list(temporary.iterdir()) == []
    assert {"torch", "pytest", "click"} & set(done.stdout.split()) == set()
