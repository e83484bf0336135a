"""What every wall must do: named checks, each a small hostile hand-in that is started behind the wall.

A check raises AssertionError where the wall lets something through. What a wall cannot do is declared
in `gaps`, with the reason; the tests demand that a declared gap is one. Nothing here imports torch: the
worker's own boot code runs, and then, in the place of the server, a probe that executes the hand-in.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil

import grader
from grader.challenge import Limits
from grader.walls import Job, PlainProcess, Running, Wall
from grader.walls.base import describe_exit, environment
from grader.walls.seccomp import CLONE, MACHINES, POWERS, UNMETERED

WORKER = Path(grader.__file__).parent / "worker"
KIT = Path(grader.__file__).parent.parent
PATIENCE_S = 60.0
# A process that was killed takes a moment to be gone.
DYING_S = 3.0
CLONE_NEWUSER = 0x10000000
PROBE = '''
"""Executes the hand-in; what it passes to `found` is sent to the check as a line of JSON."""

import json
import os


def serve(reader, writer, hand_in, rig, *more):
    """Run the hand-in and end."""

    def found(value):
        os.write(writer, json.dumps(value).encode() + b"\\n")

    names = {"found": found, "reader": reader, "writer": writer, "hand_in": hand_in, "rig": rig}
    exec(compile(hand_in.read_text(), "submission.py", "exec"), names)
'''
# Tries something and tells how it went, in the words of the exception.
ATTEMPT = """
def attempt(act, *args):
    try:
        act(*args)
    except BaseException as error:
        found(type(error).__name__)
    else:
        found("done")

def content(path):
    with open(path, "rb") as file:
        return file.read(100)
"""


class Ended(msgspec.Struct, frozen=True):
    """A probe that has ended: what it found, how it ended, and what it printed."""

    found: list[Any]
    code: int
    printed: str


class Probe:
    """A running probe."""

    def __init__(self, running: Running, stdin: int) -> None:
        self.running = running
        self._stdin = stdin
        self._lines: list[bytes] = []
        self._printed = b""
        self._threads = [
            threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=self._read_prints, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def found(self, count: int) -> list[Any]:
        """What it has found, once these are so many."""
        until(lambda: len(self._lines) >= count or self.running.poll() is not None)
        assert len(self._lines) >= count, f"it ended early:\n{self._printed.decode()}"
        return [json.loads(line) for line in self._lines]

    def end(self) -> Ended:
        """Wait for its end."""
        until(lambda: self.running.poll() is not None)
        self.join()
        code = self.running.poll()
        assert code is not None
        return Ended([json.loads(line) for line in self._lines], code, self._printed.decode())

    def join(self) -> None:
        """Wait for the end of its streams."""
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def _read(self) -> None:
        stream = self.running.process.stdout
        assert stream is not None
        with stream:
            for line in stream:
                self._lines.append(line)

    def _read_prints(self) -> None:
        stream = self.running.process.stderr
        assert stream is not None
        with stream:
            for line in stream:
                self._printed += line


@contextlib.contextmanager
def probe(
    wall: Wall, folder: Path, source: str, limits: Limits | None = None, **told: Any
) -> Iterator[Probe]:
    """Start a hand-in behind the wall; `told` are global names that it finds, as plain data."""
    job = stage(folder, source, limits or Limits(), told)
    reader, writer = os.pipe()
    try:
        started = Probe(wall.start(job, reader, subprocess.PIPE, subprocess.PIPE), writer)
        try:
            yield started
        finally:
            started.running.kill()
            started.join()
    finally:
        os.close(reader)
        os.close(writer)


def stage(folder: Path, source: str, limits: Limits, told: dict[str, Any]) -> Job:
    """Lay out what the wall is to start, as the supervisor does."""
    job = Job(folder / "worker", folder / "handin", None, folder / "scratch", limits)
    for path in (job.worker, job.hand_in, job.scratch):
        path.mkdir()
    for name in ("__init__.py", "boot.py", "landlock.py", "privileges.py"):
        shutil.copy(WORKER / name, job.worker)
    (job.worker / "process.py").write_text(PROBE)
    names = "".join(f"{name} = {value!r}\n" for name, value in told.items())
    text = names + ATTEMPT + textwrap.dedent(source)
    (job.hand_in / "submission.py").write_text(text)
    (job.hand_in / "helper.py").write_text("ANSWER = 42\n")
    return job


def run(wall: Wall, folder: Path, source: str, limits: Limits | None = None, **told: Any) -> Ended:
    """Start a hand-in behind the wall and wait for its end."""
    with probe(wall, folder, source, limits, **told) as started:
        return started.end()


def found(wall: Wall, folder: Path, source: str, limits: Limits | None = None, **told: Any) -> Any:
    """Everything that a hand-in found; it must have ended well."""
    ended = run(wall, folder, source, limits, **told)
    assert ended.code == 0, ended.printed
    return ended.found


def until(condition: Callable[[], bool], seconds: float = PATIENCE_S) -> None:
    """Wait for a condition; AssertionError if it does not come true."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


@contextlib.contextmanager
def sentinel(label: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the person who grades, to be neither seen nor signalled from inside."""
    code = "import sys; sys.stdin.read()"
    process = subprocess.Popen([sys.executable, "-S", "-c", code, label], stdin=subprocess.PIPE)
    try:
        yield process
    finally:
        process.communicate()


def labelled(label: str) -> list[psutil.Process]:
    """The living processes of this machine with this word on their command line."""
    alive = []
    for process in psutil.process_iter(["cmdline", "status"]):
        zombie = process.info["status"] == psutil.STATUS_ZOMBIE
        if label in (process.info["cmdline"] or []) and not zombie:
            alive.append(process)
    return alive


# What a hand-in may.


def reads_its_own_files(wall: Wall, folder: Path) -> None:
    """A hand-in reads itself and the modules beside it."""
    source = """
        import sys
        sys.path.append(str(hand_in.parent))
        import helper
        found([helper.ANSWER, hand_in.name, "found(" in hand_in.read_text()])
    """

    assert found(wall, folder, source) == [[42, "submission.py", True]]


def imports_torch(wall: Wall, folder: Path) -> None:
    """torch and numpy are there and work."""
    source = """
        import numpy, torch
        found(torch.from_numpy(numpy.ones(3)).sum().item())
    """

    assert found(wall, folder, source) == [3.0]


def writes_to_its_scratch_folder(wall: Wall, folder: Path) -> None:
    """There is a temporary folder, which is also where the hand-in starts."""
    source = """
        import os, tempfile
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"x" * 1000)
        with open("note", "w") as file:
            file.write("here")
        found(os.path.samefile(os.getcwd(), tempfile.gettempdir()))
    """

    assert found(wall, folder, source) == [True]


def threads_and_children_work(wall: Wall, folder: Path) -> None:
    """Threads, forks and pipes of the hand-in's own are no offence."""
    source = """
        import os, threading
        thread = threading.Thread(target=found, args=("thread",))
        thread.start()
        thread.join()
        child = os.fork()
        if child == 0:
            os._exit(3)
        found(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """

    assert found(wall, folder, source) == ["thread", 3]


# What it cannot read.


def _unreadable(wall: Wall, folder: Path, *paths: Path) -> None:
    assert all(path.exists() for path in paths)
    source = """
        import os
        for path in paths:
            attempt(os.listdir if path.endswith("/") else content, path)
    """
    told = [f"{path}/" if path.is_dir() else str(path) for path in paths]
    results = found(wall, folder, source, paths=told)

    assert "done" not in results, dict(zip(told, results, strict=True))


def cannot_read_the_home_folder(wall: Wall, folder: Path) -> None:
    """What lies in the home folder of the person who grades is not there."""
    with tempfile.NamedTemporaryFile(dir=Path.home(), prefix=".wall_conformance_") as file:
        _unreadable(wall, folder, Path(file.name))


def cannot_read_the_kit(wall: Wall, folder: Path) -> None:
    """Neither the grader nor a challenge is there."""
    specs = next((KIT / "challenges").glob("*/specs/test_*.py"))
    _unreadable(wall, folder, KIT / "grader", KIT / "grader" / "specs.py", specs)


def cannot_read_the_users(wall: Wall, folder: Path) -> None:
    """The machine's list of users is not there."""
    _unreadable(wall, folder, Path("/etc/passwd"))


def cannot_read_what_lies_beside_it(wall: Wall, folder: Path) -> None:
    """Files beside the folders that the wall was told to show are not there."""
    secret = folder / "request.json"
    secret.write_text("the seed")
    _unreadable(wall, folder, secret, folder)


def cannot_read_by_a_detour(wall: Wall, folder: Path) -> None:
    """A file that is not there is not to be had by links, descriptors, /proc, or another program either."""
    source = """
        import os, subprocess, sys
        name = os.path.basename(path)
        def reopened():
            handle = os.open(path, os.O_PATH)
            return content(f"/proc/self/fd/{handle}")
        def from_the_root():
            root = os.open("/", os.O_PATH)
            return os.open(path[1:], os.O_RDONLY, dir_fd=root)
        def beside_it():
            os.chdir(os.path.dirname(path))
            return content(name)
        def by_a_link():
            os.symlink(path, "link")
            return content("link")
        def by_another(*command):
            subprocess.run([*command, path], check=True, capture_output=True)
        attempt(content, f"/proc/self/root{path}")
        attempt(reopened)
        attempt(from_the_root)
        attempt(by_a_link)
        attempt(os.link, path, "hard")
        attempt(os.rename, path, "moved")
        attempt(by_another, "/bin/cat")
        attempt(by_another, "/lib64/ld-linux-x86-64.so.2", "/bin/cat")
        attempt(by_another, sys.executable, "-S", "-c", "import sys; open(sys.argv[1])")
        attempt(beside_it)
    """
    with tempfile.NamedTemporaryFile(dir=Path.home(), prefix=".wall_conformance_") as file:
        results = found(wall, folder, source, path=file.name)
        # A wall that moved it away must not make the removal fail.
        Path(file.name).touch()

    assert "done" not in results, results


def cannot_read_temporary_files(wall: Wall, folder: Path) -> None:
    """Temporary files and shared memory of the machine are not there."""
    places = [Path(tempfile.gettempdir()), Path("/dev/shm")]
    with contextlib.ExitStack() as stack:
        files = [
            Path(stack.enter_context(tempfile.NamedTemporaryFile(dir=place)).name)
            for place in places
            if place.is_dir()
        ]
        _unreadable(wall, folder, *files)


def cannot_import_other_packages(wall: Wall, folder: Path) -> None:
    """Installed packages that torch does not need are not there."""
    source = """
        import importlib
        for name in names:
            attempt(importlib.import_module, name)
    """
    names = ["grader", "leaderboard", "pytest", "pytest_jsonreport", "psutil", "click"]

    assert found(wall, folder, source, names=names) == ["ModuleNotFoundError"] * len(names)


def cannot_see_other_processes(wall: Wall, folder: Path) -> None:
    """/proc shows the hand-in's own processes only."""
    label = uuid.uuid4().hex
    source = """
        import contextlib, os
        lines = []
        # Every number there is, because a wall may hide the list and not the entries.
        for number in range(1, int(highest) + 2):
            with contextlib.suppress(OSError), open(f"/proc/{number}/cmdline", "rb") as file:
                lines.append(file.read().decode(errors="replace"))
        # Put together here, so that it does not stand in this source.
        found([label[::-1] in line for line in lines].count(True))
    """
    with sentinel(label) as process:
        highest = max(process.pid, *psutil.pids())

        assert found(wall, folder, source, label=label[::-1], highest=highest) == [0]


# What it cannot reach or change.


def cannot_reach_the_network(wall: Wall, folder: Path) -> None:
    """No message reaches a listener of the machine: TCP, UDP, or a Unix socket by an abstract name."""
    name = f"\0{uuid.uuid4().hex}"
    source = """
        import socket
        attempt(socket.create_connection, ("127.0.0.1", port), 2)
        attempt(lambda: socket.socket(socket.AF_UNIX).connect(name))
        attempt(lambda: socket.socketpair(type=socket.SOCK_DGRAM)[0].sendto(b"x", path))
        for family in (socket.AF_VSOCK, socket.AF_NETLINK, socket.AF_PACKET, socket.AF_ALG):
            attempt(socket.socket, family, socket.SOCK_RAW)
    """
    with (
        socket.create_server(("127.0.0.1", 0)) as tcp,
        socket.socket(socket.AF_UNIX) as local,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as letters,
    ):
        local.bind(name)
        local.listen()
        letters.bind(path := str(folder / "letters"))
        port = tcp.getsockname()[1]

        assert "done" not in found(wall, folder, source, port=port, name=name, path=path)
        for listener in (tcp, local):
            listener.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                listener.accept()
                raise AssertionError("somebody connected")


def cannot_signal_other_processes(wall: Wall, folder: Path) -> None:
    """A process of the person who grades survives a kill by number, and one that the kernel is to send."""
    source = """
        import fcntl, os, signal
        assert other > 1
        def has_it_sent():
            reader, writer = os.pipe()
            fcntl.fcntl(reader, fcntl.F_SETOWN, other)
            fcntl.fcntl(reader, fcntl.F_SETFL, os.O_ASYNC)
            os.write(writer, b"x")
        attempt(os.kill, other, signal.SIGKILL)
        attempt(has_it_sent)
    """
    with sentinel("sentinel") as process:
        results = found(wall, folder, source, other=process.pid)

        assert process.poll() is None
        assert results[0] in ("ProcessLookupError", "PermissionError")


def cannot_steer_other_processes(wall: Wall, folder: Path) -> None:
    """Limits, rank and processors of a process of the person who grades stay as they are."""
    source = """
        import os, resource
        for number in (other, os.getppid()):
            attempt(resource.prlimit, number, resource.RLIMIT_CORE, (0, 0))
            attempt(os.setpriority, os.PRIO_PROCESS, number, 19)
            attempt(os.sched_setaffinity, number, {min(os.sched_getaffinity(0))})
            attempt(os.sched_setscheduler, number, os.SCHED_BATCH, os.sched_param(0))
        attempt(os.setpriority, os.PRIO_USER, 0, 19)
    """
    with sentinel("sentinel") as process:
        results = found(wall, folder, source, other=process.pid)
        scheduler = os.sched_getscheduler(process.pid)

    assert "done" not in results[:4]
    assert scheduler == os.SCHED_OTHER


def cannot_change_its_own_code(wall: Wall, folder: Path) -> None:
    """The hand-in, the worker's modules and Python's library are read-only."""
    source = """
        import os, sys
        attempt(hand_in.write_text, "changed")
        attempt(open, sys.modules["kit_worker"].__file__, "a")
        attempt(open, os.path.join(os.path.dirname(os.__file__), "added.py"), "x")
        attempt(os.mkdir, "/added")
    """
    library = Path(os.__file__).parent / "added.py"
    try:
        assert "done" not in found(wall, folder, source)
    finally:
        library.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            Path("/added").rmdir()


def has_no_privileges(wall: Wall, folder: Path) -> None:
    """No capability is held, and none is to be had by becoming root."""
    source = """
        import os
        attempt(os.setuid, 0 if os.getuid() else 1)
        attempt(os.chroot, "/tmp")
        with open("/proc/self/status") as file:
            held = [line.split()[1] for line in file if line.startswith(("CapEff", "CapPrm"))]
        found([int(text, 16) for text in held])
    """
    became_root, changed_root, held = found(wall, folder, source)

    assert "done" not in (became_root, changed_root)
    assert held == [0, 0]


def cannot_call_what_it_does_not_need(wall: Wall, folder: Path) -> None:
    """System calls into other processes, the kernel, mounts and unmetered memory are refused."""
    source = """
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        for name, number, arguments in calls:
            ctypes.set_errno(0)
            if libc.syscall(number, *arguments) != -1 or ctypes.get_errno() not in (1, 38):
                found(name)
    """
    column = MACHINES[platform.machine()].column
    arguments = {"shmget": (0, 4096, 0o1600), "memfd_create": (0, 0), "unshare": (CLONE_NEWUSER,)}
    calls = [
        (name, numbers[column], arguments.get(name, (0, 0, 0, 0, 0)))
        for name, numbers in {**POWERS, **UNMETERED}.items()
        if numbers[column] is not None
    ]

    assert found(wall, folder, source, calls=calls) == []


def cannot_make_namespaces(wall: Wall, folder: Path) -> None:
    """No child gets a user namespace, in which it would be root."""
    source = """
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        child = libc.syscall(clone, flags, 0, 0, 0, 0)
        if child == 0:
            os._exit(0)
        found(child)
    """
    clone = CLONE[MACHINES[platform.machine()].column]

    assert found(wall, folder, source, clone=clone, flags=CLONE_NEWUSER | signal.SIGCHLD) == [-1]


def cannot_change_the_kernels_settings(wall: Wall, folder: Path) -> None:
    """No setting of the kernel can be opened for writing, whoever grades."""
    source = """
        import os
        for name in ("kernel/core_pattern", "vm/drop_caches", "kernel/hostname", "fs/file-max"):
            attempt(os.open, f"/proc/sys/{name}", os.O_WRONLY)
    """

    assert "done" not in found(wall, folder, source)


def cannot_write_elsewhere(wall: Wall, folder: Path) -> None:
    """Files can be made in the temporary folders only."""
    source = """
        import os, tempfile
        own = (os.path.realpath(tempfile.gettempdir()), "/dev/shm", "/tmp", "/proc", "/sys")
        places = ["/", "/dev", "/etc", "/home", "/opt", "/root", "/run", "/usr/lib", "/var/tmp"]
        places += [str(hand_in.parent), os.path.dirname(os.__file__)]
        for here, folders, _ in os.walk("/"):
            if here.count("/") > 3 or here.startswith(own):
                folders.clear()
            else:
                places.append(here)
        for here in dict.fromkeys(places):
            path = os.path.join(here, "wall_conformance_was_here")
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            except OSError:
                continue
            os.unlink(path)
            found(here)
    """

    assert found(wall, folder, source) == []


def cannot_leave_files(wall: Wall, folder: Path) -> None:
    """What it writes to the usual places is not there for anybody who comes later."""
    name = f"wall_conformance_{uuid.uuid4().hex}"
    source = """
        import os
        for place in places:
            attempt(lambda: open(os.path.join(place, name), "w").close())
    """
    places = [tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm", str(Path.home())]
    found(wall, folder, source, places=places, name=name)
    left = [path for path in (Path(place, name) for place in places) if path.exists()]
    for path in left:
        path.unlink(missing_ok=True)

    assert left == []


def cannot_truncate_files(wall: Wall, folder: Path) -> None:
    """A file of the person who grades, and one that the hand-in may read, keep their contents."""
    source = """
        import os
        for path in (mine, str(hand_in.parent / "helper.py")):
            attempt(os.truncate, path, 0)
            attempt(os.open, path, os.O_RDONLY | os.O_TRUNC)
    """
    with tempfile.NamedTemporaryFile(dir=Path.home(), prefix=".wall_conformance_") as file:
        Path(file.name).write_text("kept")
        results = found(wall, folder, source, mine=file.name)

        assert Path(file.name).read_text() == "kept"
    assert (folder / "handin" / "helper.py").read_text() == "ANSWER = 42\n"
    assert "done" not in results


def cannot_mark_files(wall: Wall, folder: Path) -> None:
    """No note can be left in the flags, the version or the hints of a file that it may read."""
    source = """
        import fcntl, os
        handle = os.open(hand_in, os.O_RDONLY)
        for request, length in ((0x40086602, 8), (0x40087602, 8), (0x401C5820, 28)):
            attempt(fcntl.ioctl, handle, request, bytes(length))
        attempt(fcntl.fcntl, handle, 1036, (3).to_bytes(8, "little"))
    """

    assert "done" not in found(wall, folder, source)


def cannot_change_the_mode_of_files(wall: Wall, folder: Path) -> None:
    """Modes, owners, times and attributes of files outside of its scratch folder stay as they are."""
    source = """
        import os
        for path in (str(hand_in), os.path.dirname(os.__file__)):
            attempt(os.chmod, path, 0o777)
            attempt(os.chown, path, 12, 12)
            attempt(os.utime, path, (1, 1))
            attempt(os.setxattr, path, "user.test", b"1")
    """
    library = Path(os.__file__).parent
    before = library.stat()
    try:
        assert "done" not in found(wall, folder, source)
    finally:
        # Whose library it is not could not have let it be changed either.
        with contextlib.suppress(OSError):
            os.removexattr(library, "user.test")
        with contextlib.suppress(PermissionError):
            os.chown(library, before.st_uid, before.st_gid)
            library.chmod(before.st_mode)
            os.utime(library, ns=(before.st_atime_ns, before.st_mtime_ns))


def cannot_tell_the_machine(wall: Wall, folder: Path) -> None:
    """The name of the machine and its number are not there."""
    source = """
        import os
        attempt(content, "/etc/machine-id")
        found(os.uname().nodename)
        try:
            found(content("/etc/hostname").decode().strip())
        except OSError:
            pass
    """
    number, *names = found(wall, folder, source)

    assert number != "done"
    assert platform.node() not in names


# What it starts with.


def environment_is_fixed(wall: Wall, folder: Path) -> None:
    """Nothing of the environment of the person who grades arrives."""
    source = """
        import os
        found(dict(os.environ))
    """
    os.environ["GRADER_CONFORMANCE_SECRET"] = "token"
    try:
        (seen,) = found(wall, folder, source, Limits(threads=3))
    finally:
        del os.environ["GRADER_CONFORMANCE_SECRET"]
    # bubblewrap itself sets PWD; the plain process is marked, so that its orphans can be found.
    for name in ("PWD", "GRADER_WORKER"):
        seen.pop(name, None)

    assert seen == environment(Limits(threads=3), seen["HOME"])


def has_no_leftover_descriptors(wall: Wall, folder: Path) -> None:
    """Open are the standard streams and the channel, and no file that the supervisor had open."""
    source = """
        import os
        numbers = []
        for number in range(256):
            try:
                os.fstat(number)
            except OSError:
                continue
            numbers.append(number)
        found([numbers, sorted([0, 1, 2, reader, writer])])
    """
    with (folder / "secret").open("w") as file:
        os.set_inheritable(file.fileno(), True)
        ((numbers, wanted),) = found(wall, folder, source)

    assert numbers == wanted


def standard_streams_are_no_channel(wall: Wall, folder: Path) -> None:
    """Standard input is empty, and what is printed arrives as prints and never on the channel."""
    source = """
        import os, sys
        print("printed")
        os.write(1, b"written\\n")
        found([sys.stdin.read(), input.__name__])
    """
    ended = run(wall, folder, source)

    assert ended.found == [["", "input"]]
    assert ended.printed.split() == ["printed", "written"]


# How it ends.


def exit_is_told_truthfully(wall: Wall, folder: Path) -> None:
    """The exit code of the hand-in's process is the one that is seen outside."""
    assert run(wall, folder, "import os; os._exit(7)").code == 7


def death_by_signal_is_told(wall: Wall, folder: Path) -> None:
    """A process that a signal ended is not taken for one that ended well."""
    source = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"

    assert describe_exit(run(wall, folder, source).code) == "signal SIGSEGV"


DAEMON = """
    import os, sys
    def daemon():
        if os.fork():
            return
        os.setsid()
        if os.fork():
            os._exit(0)
        code = "import time; time.sleep(600)"
        # The label is put together here, so that it stands on the daemon's command line only.
        command = [sys.executable, "-S", "-c", code, label[::-1]]
        os.execve(sys.executable, command, os.environ if inherits else {})
    daemon()
"""


def daemons_die_with_it(wall: Wall, folder: Path) -> None:
    """Detached grandchildren are gone when the wall was told to end the hand-in."""
    _daemons_die(wall, folder, inherits=True)


def daemons_that_hide_die_with_it(wall: Wall, folder: Path) -> None:
    """Detached grandchildren that share not even an environment with the hand-in are gone as well."""
    _daemons_die(wall, folder, inherits=False)


def _daemons_die(wall: Wall, folder: Path, inherits: bool) -> None:
    label = uuid.uuid4().hex
    source = DAEMON + "    os.wait()\n    found('ready')\n    import time; time.sleep(600)"
    with probe(wall, folder, source, label=label[::-1], inherits=inherits) as started:
        try:
            started.found(1)
            until(lambda: bool(labelled(label)))
            started.running.kill()
            until(lambda: not labelled(label), DYING_S)
        finally:
            _end(label)


def daemons_do_not_survive_its_exit(wall: Wall, folder: Path) -> None:
    """Detached grandchildren that the hand-in leaves behind are gone after the end as well."""
    label = uuid.uuid4().hex
    source = DAEMON + "    os.wait()"
    with probe(wall, folder, source, label=label[::-1], inherits=True) as started:
        try:
            until(lambda: started.running.poll() is not None)
            started.running.kill()
            # Long enough for a daemon that was not killed to appear.
            time.sleep(0.3)
            until(lambda: not labelled(label), DYING_S)
        finally:
            _end(label)


def _end(label: str) -> None:
    for process in labelled(label):
        with contextlib.suppress(psutil.Error):
            process.kill()


def dies_with_the_one_who_started_it(wall: Wall, folder: Path) -> None:
    """Where the supervisor is killed, nothing of the hand-in goes on, its daemons included."""
    label = uuid.uuid4().hex
    source = DAEMON + "    os.wait()\n    found('ready')\n    import time; time.sleep(600)"
    stage(folder, source, Limits(), {"label": label[::-1], "inherits": False})
    job = {name: str(folder / name) for name in ("worker", "handin", "scratch")}
    code = f"""
import sys, time
from pathlib import Path
from grader.challenge import Limits
from grader.walls import WALLS, Job, PlainProcess
job = Job(Path({job["worker"]!r}), Path({job["handin"]!r}), None, Path({job["scratch"]!r}), Limits())
walls = (*WALLS, PlainProcess(abi=0))
wall = next(wall for wall in walls if wall.name == {wall.name!r})
wall.start(job, 0, 1, 2)
time.sleep(600)
"""
    environment = {**os.environ, "PYTHONPATH": str(KIT)}
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=pipe, stdout=pipe, stderr=pipe, env=environment
    ) as supervisor:
        try:
            until(lambda: bool(labelled(label)) or supervisor.poll() is not None)
            assert labelled(label)
            supervisor.kill()
            supervisor.wait()
            until(lambda: not labelled(label), DYING_S)
        finally:
            supervisor.kill()
            _end(label)


def kill_ends_a_stopped_process(wall: Wall, folder: Path) -> None:
    """A process that ignores every request to end, and is stopped, can be ended."""
    source = """
        import os, signal
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        found("ready")
        os.kill(os.getpid(), signal.SIGSTOP)
    """
    with probe(wall, folder, source) as started:
        started.found(1)
        started.running.kill()

        assert started.running.poll() is not None


# What it may use.


def open_files_are_limited(wall: Wall, folder: Path) -> None:
    """The limit of open files holds."""
    source = """
        import os
        files = []
        try:
            while len(files) < 1000:
                files.append(os.open("/dev/null", os.O_RDONLY))
        except OSError:
            found(len(files) <= 40)
    """

    assert found(wall, folder, source, Limits(open_files=40)) == [True]


def file_size_is_limited(wall: Wall, folder: Path) -> None:
    """The limit of the size of a file holds, in the scratch folder and in shared memory."""
    source = """
        import os, tempfile
        for place in (tempfile.gettempdir(), "/dev/shm"):
            try:
                file = open(os.path.join(place, "wall_conformance"), "wb", buffering=0)
            except OSError:
                found("no place to write to")
                continue
            with file:
                attempt(lambda: [file.write(b"x" * (1 << 20)) for _ in range(3)])
            os.unlink(file.name)
    """
    first, second = found(wall, folder, source, Limits(file_mb=2))

    assert first == "OSError"
    assert second in ("OSError", "no place to write to")


def space_on_disk_is_bounded(wall: Wall, folder: Path) -> None:
    """Many files together find an end as well, or are seen outside."""
    source = """
        import time
        def fill():
            for number in range(10):
                with open(f"file{number}", "wb") as file:
                    file.write(bytes(1 << 20))
        attempt(fill)
        time.sleep(600)
    """
    with probe(wall, folder, source, Limits(file_mb=2)) as started:
        (result,) = started.found(1)
        usage = started.running.usage()

    assert result == "OSError" or usage.disk_mb >= 10


def number_of_files_is_bounded(wall: Wall, folder: Path) -> None:
    """Empty files without number find an end as well, or are seen outside."""
    source = """
        import time
        def fill():
            for number in range(12000):
                open(f"file{number}", "wb").close()
        attempt(fill)
        time.sleep(600)
    """
    with probe(wall, folder, source) as started:
        (result,) = started.found(1)
        usage = started.running.usage()

    assert result == "OSError" or usage.files >= 12000


def limits_cannot_be_raised(wall: Wall, folder: Path) -> None:
    """A limit that was set cannot be lifted again."""
    source = """
        import resource
        for kind in (resource.RLIMIT_NOFILE, resource.RLIMIT_FSIZE, resource.RLIMIT_CPU):
            soft, hard = resource.getrlimit(kind)
            attempt(resource.setrlimit, kind, (hard + 1, hard + 1))
        found(resource.getrlimit(resource.RLIMIT_CORE)[1])
    """

    assert found(wall, folder, source) == ["ValueError"] * 3 + [0]


def processor_time_is_limited(wall: Wall, folder: Path) -> None:
    """A busy process is ended by the system itself, should nobody watch."""
    ended = run(wall, folder, "while True: pass", Limits(cpu_s=0.0))

    assert describe_exit(ended.code) in ("signal SIGXCPU", "signal SIGKILL")


TREE = """
    import os, sys, time
    if os.fork() == 0:
        if os.fork() == 0:
            act()
            found("ready")
        time.sleep(600)
    time.sleep(600)
"""


def memory_of_the_tree_is_metered(wall: Wall, folder: Path) -> None:
    """Memory that a grandchild holds is seen outside."""
    source = (
        "def act():\n        global held\n        held = bytearray(os.urandom(1) * (150 << 20))"
    )
    with probe(wall, folder, f"    {source}\n{TREE}") as started:
        started.found(1)
        usage = started.running.usage()

    assert 150 < usage.memory_mb < 400


def shared_memory_is_metered(wall: Wall, folder: Path) -> None:
    """Memory that two processes hold, each its own by a shared mapping, is seen twice."""
    source = """
        import mmap, os, time
        for _ in range(2):
            if os.fork() == 0:
                held = mmap.mmap(-1, 100 << 20)
                for start in range(0, 100 << 20, 4096):
                    held[start] = 1
                found("ready")
                time.sleep(600)
        time.sleep(600)
    """
    with probe(wall, folder, source) as started:
        started.found(2)
        usage = started.running.usage()

    assert 200 < usage.memory_mb < 400


def processes_of_the_tree_are_metered(wall: Wall, folder: Path) -> None:
    """Grandchildren are counted."""
    with probe(wall, folder, f"    def act(): pass\n{TREE}") as started:
        started.found(1)
        usage = started.running.usage()

    assert 3 <= usage.processes <= 6


def threads_of_the_tree_are_metered(wall: Wall, folder: Path) -> None:
    """Threads are counted, those of grandchildren too."""
    source = """
        def act():
            import threading
            for _ in range(40):
                threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    """
    with probe(wall, folder, textwrap.dedent(source) + textwrap.dedent(TREE)) as started:
        started.found(1)
        usage = started.running.usage()

    assert 40 < usage.threads < 100


def daemons_are_metered(wall: Wall, folder: Path) -> None:
    """Detached grandchildren do not fall out of the count."""
    label = uuid.uuid4().hex
    source = DAEMON + "    os.wait()\n    found('ready')\n    import time; time.sleep(600)"
    with probe(wall, folder, source, label=label[::-1], inherits=True) as started:
        started.found(1)
        until(lambda: bool(labelled(label)))
        with_it = started.running.usage().processes
        _end(label)
        until(lambda: not labelled(label))
        # A wall's own process may take a moment to reap it.
        until(lambda: started.running.usage().processes != with_it, DYING_S)
        without_it = started.running.usage().processes

    assert with_it == without_it + 1


def processor_time_of_the_tree_is_metered(wall: Wall, folder: Path) -> None:
    """Processor time of a grandchild is seen outside, and stays counted when it has ended."""
    source = """
        import os, time
        child = os.fork()
        if child == 0:
            while time.process_time() < 0.4:
                pass
            found("busy")
            time.sleep(1)
            os._exit(0)
        os.waitpid(child, 0)
        found("over")
        time.sleep(600)
    """
    with probe(wall, folder, source) as started:
        started.found(1)
        during = started.running.usage().cpu_s
        started.found(2)
        after = started.running.usage().cpu_s

    assert 0.4 <= during <= after


Check = Callable[[Wall, Path], None]
CHECKS: tuple[Check, ...] = (
    reads_its_own_files,
    imports_torch,
    writes_to_its_scratch_folder,
    threads_and_children_work,
    cannot_read_the_home_folder,
    cannot_read_the_kit,
    cannot_read_the_users,
    cannot_read_what_lies_beside_it,
    cannot_read_by_a_detour,
    cannot_read_temporary_files,
    cannot_import_other_packages,
    cannot_see_other_processes,
    cannot_reach_the_network,
    cannot_signal_other_processes,
    cannot_steer_other_processes,
    cannot_change_its_own_code,
    cannot_change_the_kernels_settings,
    cannot_write_elsewhere,
    cannot_leave_files,
    cannot_truncate_files,
    cannot_mark_files,
    cannot_change_the_mode_of_files,
    has_no_privileges,
    cannot_call_what_it_does_not_need,
    cannot_make_namespaces,
    cannot_tell_the_machine,
    environment_is_fixed,
    has_no_leftover_descriptors,
    standard_streams_are_no_channel,
    exit_is_told_truthfully,
    death_by_signal_is_told,
    daemons_die_with_it,
    daemons_that_hide_die_with_it,
    daemons_do_not_survive_its_exit,
    dies_with_the_one_who_started_it,
    kill_ends_a_stopped_process,
    open_files_are_limited,
    file_size_is_limited,
    space_on_disk_is_bounded,
    number_of_files_is_bounded,
    limits_cannot_be_raised,
    processor_time_is_limited,
    memory_of_the_tree_is_metered,
    shared_memory_is_metered,
    processes_of_the_tree_are_metered,
    threads_of_the_tree_are_metered,
    daemons_are_metered,
    processor_time_of_the_tree_is_metered,
)

_SAME_USER = "a plain process may whatever the person who started it may"
_OLD_LANDLOCK = "the kernel's Landlock is too old to deny it"
# By version of Landlock: which checks fail of a plain process that confines itself by less than that.
_CLOSED_BY: dict[int, tuple[Check, ...]] = {
    1: (
        cannot_read_the_home_folder,
        cannot_read_the_kit,
        cannot_read_the_users,
        cannot_read_what_lies_beside_it,
        cannot_read_by_a_detour,
        cannot_read_temporary_files,
        cannot_import_other_packages,
        cannot_see_other_processes,
        cannot_change_its_own_code,
        cannot_write_elsewhere,
        cannot_leave_files,
    ),
    3: (cannot_truncate_files,),
    6: (cannot_signal_other_processes,),
}


def gaps(wall: Wall) -> dict[Check, str]:
    """Return which checks fail behind a wall, and why nothing can be done about it there."""
    return plain_gaps(wall.abi) if isinstance(wall, PlainProcess) else {}


def plain_gaps(abi: int) -> dict[Check, str]:
    """Return the gaps of a plain process that confines itself by a version of Landlock; 0: not at all."""
    found = {
        cannot_tell_the_machine: "a name of its own takes a namespace, or a supervisor of calls",
        dies_with_the_one_who_started_it: "nothing but the supervisor itself knows its processes",
    }
    reason = _OLD_LANDLOCK if abi else _SAME_USER
    for since, checks in _CLOSED_BY.items():
        if abi < since:
            found |= dict.fromkeys(checks, reason)
    if not abi and hasattr(os, "geteuid") and os.geteuid() == 0:
        found[cannot_change_the_kernels_settings] = _SAME_USER
    return found
