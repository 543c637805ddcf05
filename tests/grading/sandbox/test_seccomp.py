"""The filter, run by an interpreter of its instructions that knows nothing of how they were made."""

import errno
import os
import platform
import socket
import struct

import pytest

from kdtutor.grading.sandbox.inside import seccomp

pytestmark = pytest.mark.skipif(platform.machine() not in seccomp.ARCHITECTURES, reason="no table for this processor")
AUDIT, COLUMN = seccomp.ARCHITECTURES.get(platform.machine(), (0, 0))
ALLOWED = 0x7FFF0000


def verdict(program: bytes, number: int, *arguments: int, audit: int = AUDIT) -> int:
    """What the kernel would return for a call: struct seccomp_data through a classic BPF machine."""
    data = struct.pack("<iIQ6Q", number, audit, 0, *(*arguments, *[0] * (6 - len(arguments))))
    code = list(struct.iter_unpack("HBBI", program))
    at = accumulator = 0
    while True:
        kind, true, false, operand = code[at]
        at += 1
        if kind == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, operand)
        elif kind == 0x06:
            return operand
        else:
            holds = {0x15: accumulator == operand, 0x35: accumulator >= operand, 0x45: bool(accumulator & operand)}[
                kind
            ]
            at += true if holds else false


def refused(reason: int) -> int:
    return 0x00050000 | reason


@pytest.fixture(params=[False, True])
def program(request: pytest.FixtureRequest) -> bytes:
    return seccomp.program((socket.AF_UNIX,), shared=request.param, signals=not request.param)


def test_everything_on_the_list_is_refused(program: bytes) -> None:
    for call in seccomp.FORBIDDEN.values():
        assert verdict(program, call[COLUMN]) == refused(errno.EPERM)


def test_ordinary_calls_pass(program: bytes) -> None:
    forbidden = {
        call[COLUMN] for call in (*seccomp.FORBIDDEN.values(), *seccomp.ON_OTHERS.values(), *seccomp.ON_FILES.values())
    }
    special = {call[COLUMN] for call in (seccomp.CLONE3, seccomp.SOCKET, seccomp.KILL, seccomp.TKILL, seccomp.TGKILL)}
    for number in set(range(463)) - forbidden - special:
        assert verdict(program, number) == ALLOWED, number


def test_sockets_by_family(program: bytes) -> None:
    number = seccomp.SOCKET[COLUMN]
    families = {family: verdict(program, number, family) for family in range(46)}
    assert {family for family, answer in families.items() if answer == ALLOWED} == {int(socket.AF_UNIX)}
    assert verdict(seccomp.program(()), number, socket.AF_UNIX) == refused(errno.EACCES)
    assert verdict(seccomp.program(None), seccomp.CONNECT[COLUMN]) == refused(errno.EACCES)


def test_threads_and_forks_but_no_namespaces(program: bytes) -> None:
    number = seccomp.CLONE[COLUMN]
    assert verdict(program, number, 17) == ALLOWED
    assert verdict(program, number, 0x3D0F00) == ALLOWED  # a thread of the C library
    for bit in (0x20000, *(1 << place for place in range(25, 31))):
        assert verdict(program, number, bit | 17) == refused(errno.EPERM)
    assert verdict(program, seccomp.CLONE3[COLUMN]) == refused(errno.ENOSYS)


def test_other_processes_only_where_something_hides_them() -> None:
    alone, among_others = seccomp.program(()), seccomp.program((), shared=True, signals=False)
    me, other = os.getpid(), os.getppid()
    for call in (seccomp.KILL, seccomp.PRLIMIT, seccomp.SCHED_SETAFFINITY):
        assert verdict(alone, call[COLUMN], other) == ALLOWED
        assert verdict(among_others, call[COLUMN], other) == refused(errno.EPERM)
        assert verdict(among_others, call[COLUMN], 0) == verdict(among_others, call[COLUMN], me) == ALLOWED
    assert verdict(among_others, seccomp.KILL[COLUMN], 0xFFFFFFFF) == refused(errno.EPERM)
    assert verdict(among_others, seccomp.TGKILL[COLUMN], me) == ALLOWED
    assert verdict(among_others, seccomp.TGKILL[COLUMN], other) == refused(errno.EPERM)


def test_another_architecture_ends_the_process(program: bytes) -> None:
    assert verdict(program, 20, audit=0x40000003) == 0x80000000


@pytest.mark.skipif(platform.machine() != "x86_64", reason="a second numbering that only x86-64 has")
def test_the_second_numbering_is_refused(program: bytes) -> None:
    assert verdict(program, 0x40000000 | 1) == refused(errno.ENOSYS)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="runs a filter made for the other processor")
def test_the_other_processors_table_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    program = seccomp.program(())
    audit, column = seccomp.ARCHITECTURES["aarch64"]
    for call in seccomp.FORBIDDEN.values():
        assert verdict(program, call[column], audit=audit) == refused(errno.EPERM)
