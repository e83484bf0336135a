"""Where hand-ins lie in a repository, as whoever runs the grader says, and how its paths are shown."""

from __future__ import annotations

import os
import re
import unicodedata
from typing import Final

import msgspec

from grader.entries import team_name
from grader.errors import UsageError
from leaderboard.text import clip, printable

ANYWHERE: Final = "**/{file}"
MAX_TEAM: Final = 100
MAX_SHOWN: Final = 200
# What HFS+ passes over in names: the list of next_hfs_char() in git's utf8.c.
IGNORED: Final = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")


class Place(msgspec.Struct, frozen=True):
    """What a path with the layout of a hand-in says: its team, if a folder names one, and its file."""

    team: str | None
    file: str


class Layout:
    """A pattern of paths: `hand-ins/{team}/{file}`, `solutions/{file}`, `**/{file}`.

    `{team}` is one whole folder, `{file}` the file at the end, `**` any folders or none at the beginning.
    """

    def __init__(self, pattern: str) -> None:
        folders = pattern.split("/")
        anywhere = folders[0] == "**"
        named = folders[1:-1] if anywhere else folders[:-1]
        wrong = [name for name in named if name in ("", ".", "..") or _is_odd(name)]
        if folders[-1] != "{file}" or wrong or named.count("{team}") > 1:
            raise UsageError(
                f"--hand-ins takes a pattern such as hand-ins/{{team}}/{{file}}, not {pattern!r}."
            )
        parts = ["(?P<team>[^/]+)" if name == "{team}" else re.escape(name) for name in named]
        lead = "(?:.*/)?" if anywhere else ""
        self.names_team = "{team}" in named
        self._pattern = re.compile(lead + "/".join([*parts, "(?P<file>[^/]+)"]), re.DOTALL)

    def match(self, path: str) -> Place | None:
        """Return what the path says, None where it has another layout."""
        found = self._pattern.fullmatch(path)
        return Place(found.groupdict().get("team"), found["file"]) if found else None


def _is_odd(name: str) -> bool:
    return name != "{team}" and bool(set(name) & set("{}*?"))


def decoded(path: bytes) -> str:
    """Return a path of git as text; bytes that are no UTF-8 become halves of characters."""
    return path.decode("utf-8", "surrogateescape")


def shown(text: str | bytes) -> str:
    """Return a stranger's name for a sentence or a log: one line, and no command to GitHub's runner."""
    name = decoded(text) if isinstance(text, bytes) else text
    return muted(clip(printable(name), MAX_SHOWN))


def muted(text: str) -> str:
    """Return text for a log that GitHub's runner reads: it takes lines that begin with `::` for commands,
    and `##[` anywhere."""
    return re.sub(r"^(\s*):(?=:)", r"\1: ", text, flags=re.MULTILINE).replace("##[", "# #[")


def same_name(name: str) -> str:
    """Return what two names share if some file system takes them for one."""
    return unicodedata.normalize("NFC", IGNORED.sub("", name)).casefold()


def is_git(name: str) -> bool:
    """Whether some file system takes a name for `.git`.

    On Windows dots and spaces at the end, streams after a colon and the short name make no difference, as
    is_ntfs_dotgit() of git's path.c has it.
    """
    return re.split(r"[:\\]", same_name(name))[0].rstrip(". ") in (".git", "git~1")


def wrong_team(name: str) -> str | None:
    """Return why a folder cannot name a team, None if it can."""
    if name in (".", "..") or name.startswith("."):
        return "the name of a team does not begin with a dot"
    if name != team_name(name) or name != printable(name) or os.sep in name or "\\" in name:
        return "the name of a team has no control characters, no invisible ones, and no space at its ends"
    if len(name) > MAX_TEAM:
        return f"the name of a team has {MAX_TEAM} characters at most"
    return None
