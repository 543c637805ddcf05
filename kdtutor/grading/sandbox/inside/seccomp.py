"""A system call filter: what a learner's process has no business to ask of the kernel.

Three kinds are refused: calls that make or enter namespaces and mounts or reach into other processes; kernel
interfaces with a history of holes (bpf, io_uring, userfaultfd, keys, perf); and memory that no limit counts (System V
segments, memfd). Sockets are refused by family, because vsock and others ignore network namespaces.
Source: the kernel's documentation, "Seccomp BPF"; system call numbers of Linux 6.1.
"""

import ctypes
import errno
import os
import platform
import socket
import struct

from kdtutor.grading.sandbox.inside.system import PR_SET_PDEATHSIG, PR_SET_SECCOMP, prctl, syscall

# name: (number on x86_64, number on aarch64)
FORBIDDEN = {
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "mount_setattr": (442, 442),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "open_by_handle_at": (304, 265),
    "name_to_handle_at": (303, 264),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "semget": (64, 190),
    "msgget": (68, 186),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "fanotify_init": (300, 262),
    "quotactl": (179, 60),
    "acct": (163, 89),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "syslog": (103, 116),
}
# Calls on another process of the same user, which no namespace hides in the landlock tier
ON_OTHERS = {
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    "pidfd_send_signal": (424, 424),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
}
# What Landlock leaves to a file's owner: its mode, owner, times and attributes
ON_FILES = {
    "chmod": (90, 53),
    "fchmod": (91, 52),
    "chown": (92, 54),
    "fchown": (93, 55),
    "lchown": (94, 54),
    "fchmodat": (268, 53),
    "fchownat": (260, 54),
    "fchmodat2": (452, 452),
    "utime": (132, 88),
    "utimes": (235, 88),
    "futimesat": (261, 88),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "setxattrat": (463, 463),
    "removexattrat": (466, 466),
}
PRLIMIT, SCHED_SETAFFINITY = (302, 261), (203, 122)
KILL, TKILL, TGKILL, PRCTL = (62, 129), (200, 130), (234, 131), (157, 167)
SOCKET, CONNECT, CLONE, CLONE3, SECCOMP = (41, 198), (42, 203), (56, 220), (435, 435), (317, 277)

ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}  # audit number, column of the tables
NEW_NAMESPACES = 0x7E020000
X32 = 0x40000000
INHERITED: tuple[int, ...] = ()  # no family: only sockets that were there already, and socketpair
WITHIN_NAMESPACE = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, getattr(socket, "AF_NETLINK", 16))

LOAD, EQUAL, AT_LEAST, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
ALLOW, KILL_PROCESS, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
NUMBER, ARCHITECTURE, ARGUMENTS = 0, 4, 16
SET_MODE_FILTER, TSYNC, MODE_FILTER = 1, 1, 2

Instruction = tuple[int, int, int, int]
Call = tuple[int, int]


def available() -> bool:
    """Whether this processor's system calls are in the tables and the kernel takes filters."""
    return platform.machine() in ARCHITECTURES and os.path.exists("/proc/sys/kernel/seccomp/actions_avail")


def program(
    families: tuple[int, ...] | None, *, shared: bool = False, signals: bool = True, forbidden: bool = True
) -> bytes:
    """The filter as an array of `struct sock_filter`.

    families: sockets that may be made; None: any that the filters before this one allow, but none connects. shared:
    other processes and files have the same user and no namespace hides them, so calls on them are refused. signals:
    False where, besides, nothing else keeps signals from leaving.
    """
    audit, column = ARCHITECTURES[platform.machine()]
    code: list[Instruction] = [
        (LOAD, 0, 0, ARCHITECTURE),
        (EQUAL, 1, 0, audit),
        (RETURN, 0, 0, KILL_PROCESS),
        (LOAD, 0, 0, NUMBER),
    ]
    if column == 0:
        code += [(AT_LEAST, 0, 1, X32), (RETURN, 0, 0, ERRNO | errno.ENOSYS)]
    code += _refused(CLONE3[column], errno.ENOSYS)  # its flags lie in memory; the C library then uses clone
    code += _tested(CLONE[column], 0, [(ANY_BIT, 0, 1, NEW_NAMESPACES)], errno.EPERM)
    if forbidden:
        for call in FORBIDDEN.values():
            code += _refused(call[column], errno.EPERM)
    if families is None:
        code += _refused(SOCKET[column], errno.EACCES) + _refused(CONNECT[column], errno.EACCES)
    else:
        code += _only(SOCKET[column], 0, families, errno.EACCES)
    if shared:
        for call in (*ON_OTHERS.values(), *ON_FILES.values()):
            code += _refused(call[column], errno.EPERM)
        code += _only(PRLIMIT[column], 0, (0, os.getpid()), errno.EPERM)
        code += _only(SCHED_SETAFFINITY[column], 0, (0, os.getpid()), errno.EPERM)
        code += _tested(PRCTL[column], 0, [(EQUAL, 0, 1, PR_SET_PDEATHSIG)], errno.EPERM)
    if not signals:
        code += _only(KILL[column], 0, (0, os.getpid()), errno.EPERM)
        code += _only(TGKILL[column], 0, (os.getpid(),), errno.EPERM)
        code += _refused(TKILL[column], errno.EPERM)
    code.append((RETURN, 0, 0, ALLOW))
    return b"".join(struct.pack("HBBI", *instruction) for instruction in code)


def install(filter_program: bytes, *, all_threads: bool = False) -> None:
    """Put the filter in force, for this process and all it starts, for ever. Needs no_new_privs."""
    code = ctypes.create_string_buffer(filter_program, len(filter_program))
    head = struct.pack("HxxxxxxP", len(filter_program) // 8, ctypes.addressof(code))
    header = ctypes.create_string_buffer(head, len(head))
    if all_threads:
        column = ARCHITECTURES[platform.machine()][1]
        syscall(SECCOMP[column], SET_MODE_FILTER, TSYNC, header)
    else:
        prctl(PR_SET_SECCOMP, MODE_FILTER, ctypes.addressof(header))


def _refused(number: int, reason: int) -> list[Instruction]:
    return [(EQUAL, 0, 1, number), (RETURN, 0, 0, ERRNO | reason)]


def _only(number: int, argument: int, values: tuple[int, ...], reason: int) -> list[Instruction]:
    """Refuse the call unless the argument's lower half is one of the values."""
    tests = [(EQUAL, len(values) - index, 0, value) for index, value in enumerate(values)]
    return _tested(number, argument, tests, reason)


def _tested(number: int, argument: int, tests: list[Instruction], reason: int) -> list[Instruction]:
    """For this call, load an argument and test it: a test that falls through its successors refuses the call."""
    body = [(LOAD, 0, 0, ARGUMENTS + 8 * argument), *tests, (RETURN, 0, 0, ERRNO | reason), (LOAD, 0, 0, NUMBER)]
    return [(EQUAL, 0, len(body), number), *body]
