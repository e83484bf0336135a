"""Programs for the kernel's system call filter, built for this machine's processor.

A hand-in computes: it has no use for calls that look into other processes, load code into the kernel,
make namespaces or mounts, or keep memory where nobody meters it. Each such call is answered with an
error, as if it were not permitted; a process that uses another processor's call numbers is killed.

Numbers: Linux, arch/x86/entry/syscalls/syscall_64.tbl and include/uapi/asm-generic/unistd.h. Program
format: struct sock_filter of linux/filter.h over struct seccomp_data of linux/seccomp.h.
"""

from __future__ import annotations

import base64
import errno
import functools
import platform
import socket
import struct
import sys
from collections.abc import Iterable
from typing import Final, NamedTuple

ALLOW: Final = 0x7FFF0000
KILL_PROCESS: Final = 0x80000000
ERRNO: Final = 0x00050000
LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_ANY_BIT, AND, RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
NUMBER_AT, ARCHITECTURE_AT, ARGUMENT_AT = 0, 4, 16
# Calls of the x32 ABI carry this bit; they would pass a list of x86-64 numbers.
X32_BIT: Final = 0x40000000
# CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET (linux/sched.h).
NEW_NAMESPACE: Final = 0x7E020000


class Machine(NamedTuple):
    """One processor architecture: its audit number and its column in the tables below."""

    audit: int
    column: int


MACHINES: Final = {"x86_64": Machine(0xC000003E, 0), "aarch64": Machine(0xC00000B7, 1)}

# name: (number on x86-64, number on arm64); None where the processor does not have the call.
Numbers = dict[str, tuple[int | None, int | None]]

# Other processes, the kernel, privileges, namespaces and mounts.
POWERS: Final[Numbers] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "perf_event_open": (298, 241),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "syslog": (103, 116),
    "settimeofday": (164, 170),
    "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "personality": (135, 92),
    "iopl": (172, None),
    "ioperm": (173, None),
    "modify_ldt": (154, None),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "open_tree_attr": (467, 467),
    "unshare": (272, 97),
    "setns": (308, 268),
    "fanotify_init": (300, 262),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
}
# Memory that belongs to no process, so that no meter of processes sees it.
UNMETERED: Final[Numbers] = {
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
}
# Owners, modes, times and attributes of files: Landlock has no say in them.
METADATA: Final[Numbers] = {
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
}
# Ranks of whole users and groups of processes, not only of one's own.
RANKS: Final[Numbers] = {"setpriority": (141, 140), "ioprio_set": (251, 30)}
# Limits, ranks and processors of the process whose number comes first; 0 is the caller.
OF_A_PROCESS: Final[Numbers] = {
    "prlimit64": (302, 261),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "sched_setaffinity": (203, 122),
    "sched_setattr": (314, 274),
}
# A hint for the disk that stays with a file as long as the kernel remembers it, read-only or not.
FCNTL: Final = (72, 25)
F_SET_RW_HINT: Final = 1036
# By the second byte of their number: flags, versions and attributes of files (ext4, XFS, btrfs, F2FS, FAT).
IOCTL: Final = (16, 29)
ON_FILES: Final = tuple(kind << 8 for kind in (ord("f"), ord("X"), ord("v"), ord("r"), 0x94, 0xF5))
# Unlike a stream, one half of a pair that sends datagrams can send to any Unix socket.
SOCKETPAIR: Final = (53, 199)
# Leaves the session that the supervisor started the worker in.
SETSID: Final = (112, 157)
CLONE: Final = (56, 220)
CLONE3: Final = (435, 435)
SOCKET: Final = (41, 198)


@functools.cache
def program(*, files_are_shared: bool, one_session: bool = False) -> bytes | None:
    """Return the filter for this machine, or None where there is none for it.

    `files_are_shared`: the wall has no file system and no network of its own, so the filter also
    guards the metadata of files, and refuses every socket instead of all but Unix ones.
    `one_session`: nobody leaves the session, so that all of a worker can be found by it.
    """
    machine = MACHINES.get(platform.machine())
    if sys.platform != "linux" or machine is None:
        return None
    column = machine.column
    refused = {**POWERS, **UNMETERED, **({**METADATA, **RANKS} if files_are_shared else {})}
    code = _only_this_machine(machine)
    code += _refuse((numbers[column] for numbers in refused.values()), errno.EPERM)
    # Its flags lie in memory, out of a filter's sight; without it the C library takes clone.
    code += _refuse([CLONE3[column]], errno.ENOSYS)
    code += _refuse_if_any_bit(CLONE[column], NEW_NAMESPACE, errno.EPERM)
    code += _refuse_if_equal(FCNTL[column], 1, 0xFFFFFFFF, [F_SET_RW_HINT])
    code += _shared(column) if files_are_shared else _only_unix_sockets(column)
    if one_session:
        # Answered as if it were done: a program that wants a session of its own works without one.
        code += _refuse([SETSID[column]], 0)
    return b"".join([*code, _line(RETURN, ALLOW)])


def for_boot(*, one_session: bool = False) -> str | None:
    """Return the filter of a wall with shared files as boot.py takes it: in base64."""
    code = program(files_are_shared=True, one_session=one_session)
    return base64.b64encode(code).decode() if code else None


def _line(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, value)


def _only_this_machine(machine: Machine) -> list[bytes]:
    code = [
        _line(LOAD, ARCHITECTURE_AT),
        _line(JUMP_EQUAL, machine.audit, 1, 0),
        _line(RETURN, KILL_PROCESS),
        _line(LOAD, NUMBER_AT),
    ]
    if machine is MACHINES["x86_64"]:
        code += [_line(JUMP_AT_LEAST, X32_BIT, 0, 1), _line(RETURN, ERRNO | errno.ENOSYS)]
    return code


def _refuse(numbers: Iterable[int | None], error: int) -> list[bytes]:
    code = []
    for number in numbers:
        if number is not None:
            code += [_line(JUMP_EQUAL, number, 0, 1), _line(RETURN, ERRNO | error)]
    return code


def _refuse_if_any_bit(number: int, bits: int, error: int) -> list[bytes]:
    return [
        _line(JUMP_EQUAL, number, 0, 4),
        _line(LOAD, ARGUMENT_AT),
        _line(JUMP_ANY_BIT, bits, 0, 1),
        _line(RETURN, ERRNO | error),
        _line(LOAD, NUMBER_AT),
    ]


def _refuse_if_equal(number: int, argument: int, mask: int, values: Iterable[int]) -> list[bytes]:
    """Refuse a call if the bits of an argument that the mask leaves are one of the values."""
    tests = [_line(LOAD, ARGUMENT_AT + 8 * argument), _line(AND, mask)]
    tests += _refuse(values, errno.EPERM)
    return [_line(JUMP_EQUAL, number, 0, len(tests) + 1), *tests, _line(LOAD, NUMBER_AT)]


def _refuse_unless_equal(number: int, value: int, error: int) -> list[bytes]:
    return [
        _line(JUMP_EQUAL, number, 0, 4),
        _line(LOAD, ARGUMENT_AT),
        _line(JUMP_EQUAL, value, 1, 0),
        _line(RETURN, ERRNO | error),
        _line(LOAD, NUMBER_AT),
    ]


def _only_unix_sockets(column: int) -> list[bytes]:
    return _refuse_unless_equal(SOCKET[column], int(socket.AF_UNIX), errno.EAFNOSUPPORT)


def _shared(column: int) -> list[bytes]:
    """Guard what a wall without namespaces shares with the machine: sockets, files, processes."""
    code = _refuse([SOCKET[column]], errno.EPERM)
    code += _refuse_if_equal(SOCKETPAIR[column], 1, 0xF, [int(socket.SOCK_DGRAM)])
    code += _refuse_if_equal(IOCTL[column], 1, 0xFF00, ON_FILES)
    for numbers in OF_A_PROCESS.values():
        number = numbers[column]
        assert number is not None
        code += _refuse_unless_equal(number, 0, errno.EPERM)
    return code
