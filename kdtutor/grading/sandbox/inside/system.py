"""Linux calls that Python 3.11 has no function for."""

import ctypes
import os
from contextlib import suppress

LIBC = ctypes.CDLL(None, use_errno=True)

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_KEEPCAPS, PR_SET_SECCOMP = 1, 4, 8, 22
PR_CAPBSET_READ, PR_CAPBSET_DROP = 23, 24
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 36, 38
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, PR_CAP_AMBIENT_CLEAR_ALL = 47, 2, 4
CAPABILITY_VERSION_3 = 0x20080522
CAP_DAC_READ_SEARCH = 2


def checked(result: int, what: str) -> int:
    """The call's result; OSError with the kernel's reason where it is negative."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def prctl(option: int, value: int = 0, third: int = 0) -> int:
    """prctl(2) with unsigned long arguments."""
    words = (ctypes.c_ulong(word) for word in (value, third, 0, 0))
    return checked(LIBC.prctl(ctypes.c_int(option), *words), f"prctl {option}")


def syscall(number: int, *arguments: "int | ctypes._Pointer | ctypes.Array | None") -> int:
    """syscall(2): whole numbers as long, pointers as they are."""
    words = (ctypes.c_long(value) if isinstance(value, int) else value for value in arguments)
    return checked(LIBC.syscall(ctypes.c_long(number), *words), f"system call {number}")


def setns(descriptor: int, kinds: int) -> None:
    """Enter the namespaces of these kinds (CLONE_NEW* bits) of the process that a pidfd names."""
    checked(LIBC.setns(ctypes.c_int(descriptor), ctypes.c_int(kinds)), "setns")


def die_with(parent: int) -> None:
    """Ask for SIGKILL when the parent process dies; exit at once when it is dead already."""
    prctl(PR_SET_PDEATHSIG, 9)
    if parent and os.getppid() != parent:
        os._exit(1)


def drop_bounding_set() -> None:
    """Make it impossible that a program run from here gains a capability from its file."""
    for capability in range(64):
        try:
            if prctl(PR_CAPBSET_READ, capability):
                prctl(PR_CAPBSET_DROP, capability)
        except OSError:  # beyond the kernel's last capability, or no right to drop: then there is none to gain
            return


def drop_capabilities(kept: int | None = None) -> None:
    """Lose all capabilities but one, which programs run from here keep as well."""
    with suppress(OSError):  # no ambient capabilities before Linux 4.3
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    bit = 0 if kept is None else 1 << kept
    _set_capabilities(bit, bit, bit)
    if kept is not None:
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, kept)


def become(user: int, kept: int | None = None) -> None:
    """From root to a user and group of this number, in no other group, with at most one capability left."""
    if kept is not None:
        _make_inheritable(kept)
        prctl(PR_SET_KEEPCAPS, 1)
    drop_bounding_set()
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)
    drop_capabilities(kept)


def _make_inheritable(capability: int) -> None:
    """Possible only while it is in the bounding set, so before that is emptied."""
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)()
    checked(LIBC.capget(header, data), "capget")
    data[2] |= 1 << capability
    checked(LIBC.capset(header, data), "capset")


def _set_capabilities(effective: int, permitted: int, inheritable: int) -> None:
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)(effective, permitted, inheritable, 0, 0, 0)
    checked(LIBC.capset(header, data), "capset")
