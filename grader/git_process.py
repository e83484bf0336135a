"""git as a subprocess that runs nothing else: one hardened environment, bounded time, output and memory.

A repository's own configuration can name programs (`core.fsmonitor`, `core.sshCommand`, `diff.external`,
`filter.*`, `remote.*.uploadpack` …). So objects are read in an empty repository of ours that only borrows
the folder of objects: the configuration, attributes, hooks, grafts and replacements of the repository
itself are not there. Its refs can be read by git in its own place only; that road allows no protocol, no
lazy fetch and no hook, and is used by two commands that start no program (`for-each-ref`, `rev-parse`).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from grader import sweeping
from grader.errors import RepositoryError

TIMEOUT_S: Final = 60.0
MAX_OUTPUT: Final = 64 << 20
MAX_MEMORY: Final = 1 << 30
ERROR_KEPT: Final = 2000
FORMATS: Final = ("sha1", "sha256")
# Above the repository's own file in precedence, for the two commands that read that file.
OVERRIDES: Final = {
    "core.hooksPath": os.devnull,
    "core.fsmonitor": "false",
    "core.attributesFile": os.devnull,
    "core.pager": "cat",
    "core.sshCommand": "false",
    "core.commitGraph": "false",
    "core.multiPackIndex": "false",
    "log.showSignature": "false",
    "protocol.allow": "never",
}
CONFIG: Final = (
    "[core]\n\trepositoryformatversion = 1\n\tbare = true\n[extensions]\n\tobjectFormat = {}\n"
)


def environment() -> dict[str, str]:
    """Return the whole environment of git: nothing of ours but the search path goes along."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    settings = {"GIT_CONFIG_COUNT": str(len(OVERRIDES))}
    for number, (key, value) in enumerate(OVERRIDES.items()):
        settings |= {f"GIT_CONFIG_KEY_{number}": key, f"GIT_CONFIG_VALUE_{number}": value}
    return {
        **kept,
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ATTR_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        # git starts no transport that is not on this empty list; before 2.45 it does not know the next one.
        "GIT_ALLOW_PROTOCOL": "",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        # A file that cannot be there; for one that is empty git has advice.
        "GIT_GRAFT_FILE": f"{os.devnull}/none",
        "GIT_LITERAL_PATHSPECS": "1",
        **settings,
    }


@contextlib.contextmanager
def borrowed(objects: Path, object_format: str) -> Iterator[dict[str, str]]:
    """Make an empty repository that reads these objects; yields what the environment says of it."""
    with sweeping.workspace() as folder:
        (folder / "refs").mkdir()
        (folder / "objects").mkdir()
        (folder / "HEAD").write_text("ref: refs/heads/none\n")
        (folder / "config").write_text(CONFIG.format(object_format))
        yield {"GIT_DIR": str(folder), "GIT_OBJECT_DIRECTORY": str(objects)}


def run(place: dict[str, str], *arguments: str, stdin: bytes = b"") -> tuple[int, bytes, str]:
    """Run git to its end; returns exit code, output and the beginning of what it complained about.

    `place` is what the environment says of the repository. Raises RepositoryError where git is not
    installed, takes too long or says too much.
    """
    program = shutil.which("git")
    if program is None:
        raise RepositoryError("git is not installed; repositories are read by it.")
    process = subprocess.Popen(
        [program, "--no-replace-objects", "--no-pager", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment() | place,
        # So that no file of the folder that we stand in is looked at.
        cwd=place["GIT_DIR"],
    )
    try:
        return _talk(process, arguments[0], stdin)
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout, process.stderr):
            with contextlib.suppress(OSError):
                stream.close() if stream else None


def _talk(process: subprocess.Popen[bytes], name: str, stdin: bytes) -> tuple[int, bytes, str]:
    assert process.stdin and process.stdout and process.stderr
    _bound_memory(process.pid)
    late = threading.Event()
    timer = threading.Timer(TIMEOUT_S, _end_late, (process, late))
    complaint: list[bytes] = []
    threads = [
        threading.Thread(target=_feed, args=(process.stdin, stdin)),
        threading.Thread(target=_drain, args=(process.stderr, complaint)),
    ]
    for thread in (timer, *threads):
        thread.start()
    try:
        output = process.stdout.read(MAX_OUTPUT + 1)
        if len(output) > MAX_OUTPUT:
            raise RepositoryError(f"git {name} says more than {MAX_OUTPUT >> 20} MiB.")
        process.wait()
    finally:
        timer.cancel()
        process.kill()
        for thread in (timer, *threads):
            thread.join()
    if late.is_set():
        raise RepositoryError(f"git {name} was not done after {TIMEOUT_S:.0f} s.")
    return process.returncode, output, b"".join(complaint).decode("utf-8", "replace").strip()


def _end_late(process: subprocess.Popen[bytes], late: threading.Event) -> None:
    late.set()
    process.kill()


def _feed(stream: IO[bytes], data: bytes) -> None:
    with contextlib.suppress(OSError), stream:
        stream.write(data)


def _drain(stream: IO[bytes], kept: list[bytes]) -> None:
    kept.append(stream.read(ERROR_KEPT))
    while stream.read(1 << 16):
        pass


def _bound_memory(pid: int) -> None:
    """A commit or tree of a gigabyte is read whole by git: let that end git and not the machine."""
    try:
        import resource
    except ImportError:
        return
    prlimit = getattr(resource, "prlimit", None)
    if prlimit is not None:
        with contextlib.suppress(OSError, ValueError):
            prlimit(pid, resource.RLIMIT_DATA, (MAX_MEMORY, MAX_MEMORY))
