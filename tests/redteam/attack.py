"""Running a hostile program as a learner's process, and what there is outside for it to harm."""

import json
import os
import signal
import socket
import subprocess
import tempfile
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kdtutor.grading.sandbox import Ending, Limits, Process, Tier, Warm, probe
from kdtutor.grading.sandbox.limits import MIB

LIMITS = Limits(
    memory=256 * MIB,
    processes=24,
    cpu_seconds=2,
    file_bytes=8 * MIB,
    disk=16 * MIB,
    files=300,
    open_files=64,
    output=64 * 1024,
)
CONFINING = [tier.name for tier in probe() if tier.name != "none"]
SECRET = "canary-7f3a-secret"
PREAMBLE = """\
import ctypes, json, os, signal, socket, sys, time
libc = ctypes.CDLL(None, use_errno=True)

def tried(action):
    '''What an action returned, or the name of its error.'''
    try:
        return action()
    except BaseException as error:
        return type(error).__name__

def call(number, *arguments):
    '''A system call's errno; 0 where it succeeded.'''
    ctypes.set_errno(0)
    return ctypes.get_errno() if libc.syscall(ctypes.c_long(number), *arguments) < 0 else 0

def named(name):
    '''Give this process a name that the tester finds.'''
    libc.prctl(15, name.encode(), 0, 0, 0)

def say(thing):
    print(json.dumps(thing), flush=True)
"""


def tier_named(name: str) -> Tier:
    return next(tier for tier in probe() if tier.name == name)


@dataclass(frozen=True)
class Result:
    """How the program ended within the time it had (None: it did not), and what it wrote."""

    ending: Ending | None
    stdout: bytes
    stderr: bytes

    @property
    def said(self) -> Any:
        """The last thing that the program said."""
        assert self.stdout, self.stderr.decode(errors="replace")
        return json.loads(self.stdout.splitlines()[-1])


def attack(warm: Warm, program: str, *, seconds: float = 20, seed: int = 0, **names: Any) -> Result:
    """Run the program with these names bound, kill what is left after `seconds`, and say what came of it."""
    with warm.fork(seed=seed) as process:
        begin(process, program, **names)
        ending = process.wait(seconds)
        process.kill()
        return Result(ending, process.stdout(), process.stderr())


def begin(process: Process, program: str, **names: Any) -> None:
    """Let a forked process run the program with these names bound."""
    bound = "".join(f"{name} = {value!r}\n" for name, value in names.items())
    process.channel.sendall((PREAMBLE + bound + textwrap.dedent(program)).encode())
    process.channel.shutdown(socket.SHUT_WR)


def heard(process: Process, seconds: float = 20) -> Any:
    """The first thing that a running program says."""
    deadline = time.monotonic() + seconds
    while b"\n" not in process.stdout():
        assert process.alive(), process.stderr().decode(errors="replace")
        assert time.monotonic() < deadline
        process.wait(0.02)
    return json.loads(process.stdout().splitlines()[0])


@dataclass(frozen=True)
class Outside:
    """What a learner's process must neither see nor change, open to every user of the machine as far as modes go."""

    folder: Path
    file: Path
    socket_path: Path
    abstract: str
    port: int
    process: subprocess.Popen[bytes]
    listeners: tuple[socket.socket, ...]

    def unharmed(self) -> None:
        """Assert that it is as it was."""
        assert self.file.read_text() == SECRET
        assert self.file.stat().st_mode & 0o777 == 0o666
        assert {path.name for path in self.folder.iterdir()} == {"file", "socket"}
        assert self.process.poll() is None
        assert os.sched_getaffinity(self.process.pid) == os.sched_getaffinity(0)
        for listener in self.listeners:
            listener.setblocking(False)
            try:
                listener.accept()[0].close()
            except BlockingIOError:
                continue
            raise AssertionError(f"somebody came through {listener}")


@contextmanager
def outside() -> Iterator[Outside]:
    with tempfile.TemporaryDirectory(prefix="kdtutor-canary-") as name:
        folder = Path(name)
        folder.chmod(0o777)
        file, path, abstract = folder / "file", folder / "socket", f"kdtutor-canary-{os.getpid()}"
        file.write_text(SECRET)
        file.chmod(0o666)
        with socket.socket() as tcp, _unix(str(path)) as named, _unix("\0" + abstract) as unnamed:
            path.chmod(0o777)
            tcp.bind(("127.0.0.1", 0))
            tcp.listen()
            process = subprocess.Popen(["sleep", "600"], env={"CANARY": SECRET})
            try:
                yield Outside(folder, file, path, abstract, tcp.getsockname()[1], process, (tcp, named, unnamed))
            finally:
                process.send_signal(signal.SIGKILL)
                process.wait()


def named_processes(name: str) -> list[int]:
    """Processes of this machine that carry a name which a program gave itself."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if (entry / "comm").read_text().strip() == name:
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def _unix(address: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen()
    return listener
