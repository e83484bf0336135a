"""Landlock: a process gives up, for good and for all its children, every file that it is not to have.

For the wall that has no file system of its own. The kernel denies what no rule allows, and a rule is for
a whole folder: one that contains something hidden is replaced by the entries that it has besides.

Sources: Linux, include/uapi/linux/landlock.h (rights, structures), include/uapi/asm-generic/unistd.h
(numbers, the same on every processor) and Documentation/userspace-api/landlock.rst (what each version of
the interface, its "ABI", can deny).
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import stat
import struct
import sys
from collections.abc import Iterable, Iterator
from typing import Any

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
ASK_FOR_VERSION = 1
PATH_BENEATH = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR = (1 << bit for bit in range(4))
MAKE_CHAR, MAKE_SOCK, MAKE_BLOCK = 1 << 6, 1 << 9, 1 << 11
REFER, TRUNCATE, IOCTL_DEV = 1 << 13, 1 << 14, 1 << 15
# What the first version knows, and what a later one has added.
FIRST = (1 << 13) - 1
ADDED = {2: REFER, 3: TRUNCATE, 5: IOCTL_DEV}
# BIND_TCP and CONNECT_TCP; ABSTRACT_UNIX_SOCKET and SIGNAL.
NETWORK, SCOPES = 3, 3
NETWORK_SINCE, SCOPES_SINCE = 4, 6

READ = EXECUTE | READ_FILE | READ_DIR
DEVICE = READ_FILE | READ_DIR | WRITE_FILE | TRUNCATE | IOCTL_DEV
NEVER = EXECUTE | MAKE_CHAR | MAKE_SOCK | MAKE_BLOCK | IOCTL_DEV
ON_A_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV


def newest() -> int:
    """Return the version of the kernel's Landlock; 0 where there is none, or where it is switched off."""
    if sys.platform != "linux":
        return 0
    return max(0, _call(CREATE_RULESET, None, 0, ASK_FOR_VERSION))


def confine(
    abi: int,
    system: Iterable[str],
    hidden: Iterable[str],
    read: Iterable[str],
    write: Iterable[str],
    devices: Iterable[str],
) -> None:
    """Leave this process these files and no others; it has only one thread, and may gain no privileges.

    `system` is readable but for `hidden`, which are real paths; `read` is readable; in the folders `write`
    anything but programs, sockets and devices may be made; `devices` are opened and asked. From ABI 4 on
    TCP is denied, from 6 on signals and abstract sockets to those who are not confined with it.
    Raises OSError where the kernel refuses.
    """
    handled = FIRST | sum(right for since, right in ADDED.items() if since <= abi)
    ruleset = _create(abi, handled)
    hidden = set(hidden)
    for path in system:
        for place, rights in _around(os.path.realpath(path), hidden):
            _allow(ruleset, place, rights & handled)
    for path in read:
        _allow(ruleset, path, READ & handled)
    for path in write:
        _allow(ruleset, path, (READ | handled) & ~NEVER & handled)
    for path in devices:
        _allow(ruleset, path, DEVICE & handled)
    _checked(_call(RESTRICT_SELF, ruleset, 0))
    os.close(ruleset)


def _create(abi: int, handled: int) -> int:
    network = NETWORK if abi >= NETWORK_SINCE else 0
    scopes = SCOPES if abi >= SCOPES_SINCE else 0
    # An older kernel takes a shorter structure.
    size = 24 if abi >= SCOPES_SINCE else 16 if abi >= NETWORK_SINCE else 8
    attributes = struct.pack("=QQQ", handled, network, scopes)[:size]
    return _checked(_call(CREATE_RULESET, attributes, size, 0))


def _around(folder: str, hidden: set[str]) -> Iterator[tuple[str, int]]:
    """Yield a folder with the rights to read it, or what it contains besides the hidden ones."""
    if folder in hidden:
        return
    inside = {path for path in hidden if path.startswith(f"{folder}/")}
    if not inside:
        yield folder, READ
        return
    # Python finds no module in a folder that it cannot list. The right is inherited: names are not hidden.
    yield folder, READ_DIR
    with contextlib.suppress(PermissionError), os.scandir(folder) as entries:
        for entry in entries:
            # A rule would be for what the link names, which may be hidden or lie outside.
            if not entry.is_symlink():
                yield from _around(entry.path, inside)


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        # Whoever could not reach it before will not reach it after.
        return
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= ON_A_FILE
        if rights:
            rule = struct.pack("=Qi", rights, place)
            _checked(_call(ADD_RULE, ruleset, PATH_BENEATH, rule, 0))
    finally:
        os.close(place)


def _call(number: int, first: int | bytes | None, *others: int | bytes) -> int:
    return int(_syscall()(number, first, *others))


@functools.cache
def _syscall() -> Any:
    call = ctypes.CDLL(None, use_errno=True).syscall
    call.restype = ctypes.c_long
    return call


def _checked(result: int) -> int:
    if result < 0:
        raise OSError(ctypes.get_errno(), f"Landlock: {os.strerror(ctypes.get_errno())}")
    return result
