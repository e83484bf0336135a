"""Gives up what a process may do beyond an ordinary user, for good. For the worker and what holds it."""

import ctypes

PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
CAPABILITY_VERSION_3 = 0x20080522
CAPABILITIES = 64


def drop(libc: ctypes.CDLL) -> None:
    """Give up every capability, for this process and all that it starts (Linux, capabilities(7))."""
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    for capability in range(CAPABILITIES):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    libc.capset(header, (ctypes.c_uint32 * 6)())
