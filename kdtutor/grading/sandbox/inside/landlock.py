"""Landlock: a process gives up rights to files, TCP and outside processes, for itself and all it starts.

Source: the kernel's documentation, "Landlock: unprivileged access control", for ABI 1 (Linux 5.13) to 7.
"""

import ctypes
import os
import stat

from kdtutor.grading.sandbox.inside.system import syscall

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
QUERY_VERSION = 1
PATH_BENEATH = 1

EXECUTE, WRITE_FILE, READ_FILE, READ_DIR, REMOVE_DIR, REMOVE_FILE = (1 << bit for bit in range(6))
MAKE_CHAR, MAKE_DIR, MAKE_REG, MAKE_SOCK, MAKE_FIFO, MAKE_BLOCK, MAKE_SYM = (1 << bit for bit in range(6, 13))
REFER, TRUNCATE, IOCTL_DEV = (1 << bit for bit in range(13, 16))

READ = EXECUTE | READ_FILE | READ_DIR
DEVICE = READ_FILE | WRITE_FILE
WRITE = (READ | WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SOCK | MAKE_FIFO | MAKE_SYM) | (
    REFER | TRUNCATE
)
ONLY_SOCKETS = READ_DIR | MAKE_SOCK
FOR_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV

BIND_TCP, CONNECT_TCP = 1, 2
SCOPE_ABSTRACT_UNIX_SOCKET, SCOPE_SIGNAL = 1, 2
NETWORK_ABI, SCOPE_ABI = 4, 6


def abi() -> int:
    """The version this kernel speaks; 0 where Landlock is missing or switched off."""
    try:
        return syscall(CREATE_RULESET, None, 0, QUERY_VERSION)
    except OSError:
        return 0


class Ruleset:
    """Rights to give up, but for the paths that `allow` names; in force after `enforce`, for ever.

    files: every right to files that this kernel's Landlock knows. tcp: binding and connecting. scoped: signals and
    abstract sockets to processes outside. What this kernel's version does not know stays as it was.
    """

    def __init__(self, *, files: bool = True, tcp: bool = False, scoped: bool = True) -> None:
        version = abi()
        known = (1 << (13 + (version >= 2) + (version >= 3) + (version >= 5))) - 1
        if version < 5:
            known &= ~IOCTL_DEV
        self.rights = known if files else 0
        network = BIND_TCP | CONNECT_TCP if tcp and version >= NETWORK_ABI else 0
        scope = SCOPE_ABSTRACT_UNIX_SOCKET | SCOPE_SIGNAL if scoped and version >= SCOPE_ABI else 0
        words = [self.rights]
        if version >= NETWORK_ABI:
            words.append(network)
        if version >= SCOPE_ABI:
            words.append(scope)
        attributes = (ctypes.c_uint64 * len(words))(*words)
        self.descriptor = syscall(CREATE_RULESET, attributes, ctypes.sizeof(attributes), 0)

    def allow(self, path: str, rights: int) -> None:
        """Keep these rights to a file, or to all beneath a folder. A path that is not there is left out."""
        try:
            place = os.open(path, os.O_PATH | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return
        try:
            rights &= self.rights
            if not stat.S_ISDIR(os.fstat(place).st_mode):
                rights &= FOR_FILES
            rule = ctypes.create_string_buffer(rights.to_bytes(8, "little") + place.to_bytes(4, "little"), 12)
            syscall(ADD_RULE, self.descriptor, PATH_BENEATH, rule, 0)
        finally:
            os.close(place)

    def enforce(self) -> None:
        """Give the rights up. Needs no_new_privs or CAP_SYS_ADMIN."""
        syscall(RESTRICT_SELF, self.descriptor, 0)
        os.close(self.descriptor)
