"""A repository written by real git without a working tree, so that any name may be in it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


class Git:
    """A repository to commit to, as anybody's git would."""

    def __init__(self, path: Path, *init: str) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self("init", "-q", "-b", "main", *init)

    def __call__(self, *arguments: str | bytes, stdin: bytes = b"") -> str:
        """Run git and return what it says."""
        identity = {
            f"GIT_{who}_{what}": value
            for who in ("AUTHOR", "COMMITTER")
            for what, value in (("NAME", "Ada"), ("EMAIL", "ada@example.org"))
        }
        clean = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
        done = subprocess.run(
            ["git", "-c", "core.quotePath=false", *arguments],
            cwd=self.path,
            input=stdin,
            capture_output=True,
            check=True,
            env={"PATH": os.environ["PATH"], **identity, **clean},
        )
        return done.stdout.decode("utf-8", "surrogateescape").strip()

    def blob(self, data: bytes) -> str:
        """Write a file's content; returns its id."""
        return self("hash-object", "-w", "-t", "blob", "--stdin", stdin=data)

    def tree(self, data: bytes) -> str:
        """Write a tree's bytes as they are, however wrong: git's other commands would refuse."""
        return self("hash-object", "-w", "-t", "tree", "--literally", "--stdin", stdin=data)

    def commit(
        self,
        files: dict[bytes | str, bytes | str],
        *,
        modes: dict[bytes | str, str] | None = None,
        removed: tuple[bytes | str, ...] = (),
        onto: str | None = None,
        branch: str | None = None,
    ) -> str:
        """Commit files without a working tree, so that any name may be there; returns the commit's id."""
        lines = [b"0 " + b"0" * 40 + b"\t" + _bytes(path) for path in removed]
        for path, data in files.items():
            mode = (modes or {}).get(path, "100644")
            blob = str(data) if mode == "160000" else self.blob(_bytes(data))
            lines.append(f"{mode} {blob}\t".encode() + _bytes(path))
        if onto is not None:
            self("read-tree", onto)
        self("update-index", "-z", "--index-info", stdin=b"".join(line + b"\0" for line in lines))
        tree = self("write-tree")
        parents = [] if onto is None else ["-p", onto]
        made = self("commit-tree", tree, *parents, "-m", "a change")
        if branch:
            self("update-ref", f"refs/heads/{branch}", made)
        return made


def _bytes(value: bytes | str) -> bytes:
    return value.encode() if isinstance(value, str) else value
