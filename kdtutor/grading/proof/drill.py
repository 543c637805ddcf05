"""A red team in small, for any machine: does the sandbox hold here, today, with this kernel and this configuration?

`tests/redteam` has the whole of it. Each attack here is a program that runs as a learner's would and says "through"
where it got what it wanted; what it could have harmed outside is looked at as well.
"""

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

import kdtutor
from kdtutor.grading.sandbox import Limits, Tier, Warm
from kdtutor.grading.sandbox.limits import MIB

LIMITS = Limits(memory=512 * MIB, processes=24, cpu_seconds=2, disk=16 * MIB, files=200)
SECONDS = 20.0
MARK = "kdtutor-drill"

_ATTACKS: dict[str, str] = {
    "read a file of this machine's user": "through(open(FILE).read() == MARK)",
    "write to a file of this machine's user": "open(FILE, 'a').write('x'); through(True)",
    "remove a folder of this machine's user": "import shutil; shutil.rmtree(FOLDER); through(True)",
    "read the reference solutions": "through(bool(open(PACKAGE + '/distill/logits.py').read()))",
    "import the reference solutions": "import kdtutor.distill; through(hasattr(kdtutor.distill, 'kd_loss'))",
    "connect to a port of this machine": "socket.create_connection(('127.0.0.1', PORT), 2); through(True)",
    "connect to a socket file": "s = socket.socket(socket.AF_UNIX); s.connect(FOLDER + '/socket'); through(True)",
    "end a process of this machine": "os.kill(PID, 9); through(True)",
    "end its own parent": "parent = os.getppid(); os.kill(parent, 9) if parent > 1 else None; through(parent > 1)",
    "find a secret in the environment": "through(MARK in str(os.environ))",
    "become root": "os.setuid(0); open('/etc/shadow').read(); through(True)",
    "take all memory": "hoard = [bytearray(os.urandom(1) * (64 << 20)) for _ in range(64)]; through(True)",
    "fill the disk": """
        with open(os.environ["TMPDIR"] + "/fill", "wb") as file:
            for _ in range(256):
                file.write(os.urandom(1 << 20))
        through(True)
    """,
    "start processes without end": """
        for _ in range(200):
            if os.fork() == 0:
                time.sleep(60)
        through(True)
    """,
    "compute without end": """
        while True:
            if time.process_time() > 8:
                through(True)
    """,
    "leave a process behind": """
        libc = ctypes.CDLL(None)
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                libc.prctl(15, MARK[:15].encode(), 0, 0, 0)
                time.sleep(600)
            os._exit(0)
    """,
}

_PREAMBLE = """
import ctypes, os, socket, sys, time
def through(it_is):
    if it_is:
        print("through", flush=True)
        os._exit(0)
"""


@dataclass(frozen=True)
class Attempt:
    """One attack, and whether the sandbox stopped it."""

    attack: str
    stopped: bool


def drill(tier: Tier) -> list[Attempt]:
    """Every attack once, against a tier that works. RuntimeError where the sandbox cannot be made."""
    with Warm(tier, LIMITS, preload=()) as warm:
        return [Attempt(attack, _stopped(warm, program)) for attack, program in _ATTACKS.items()]


def _stopped(warm: Warm, program: str) -> bool:
    with _something_to_harm() as (bound, unharmed):
        with warm.fork() as process:
            process.channel.sendall((_PREAMBLE + bound + textwrap.dedent(program)).encode())
            process.channel.shutdown(socket.SHUT_WR)
            process.wait(SECONDS)
            process.kill()
            said = process.stdout()
        return b"through" not in said and unharmed()


@contextmanager
def _something_to_harm() -> Iterator[tuple[str, "_Unharmed"]]:
    with tempfile.TemporaryDirectory(prefix=f"{MARK}-", ignore_cleanup_errors=True) as name, socket.socket() as port:
        folder = Path(name)
        folder.chmod(0o777)
        file = folder / "file"
        file.write_text(MARK)
        file.chmod(0o666)
        port.bind(("127.0.0.1", 0))
        port.listen()
        with socket.socket(socket.AF_UNIX) as named:
            named.bind(str(folder / "socket"))
            named.listen()
            process = subprocess.Popen(["sleep", "600"], env={"SECRET": MARK})
            bound = {
                "FILE": str(file),
                "FOLDER": name,
                "PACKAGE": str(Path(kdtutor.__file__).parent),
                "PORT": port.getsockname()[1],
                "PID": process.pid,
                "MARK": MARK,
            }
            try:
                yield "".join(f"{key} = {value!r}\n" for key, value in bound.items()), _Unharmed(file, process)
            finally:
                process.send_signal(signal.SIGKILL)
                process.wait()


@dataclass(frozen=True)
class _Unharmed:
    file: Path
    process: "subprocess.Popen[bytes]"

    def __call__(self) -> bool:
        """Whether the file is as it was, the process runs, and no process of the drill's has outlived its sandbox."""
        try:
            whole = self.file.read_text() == MARK
        except OSError:
            whole = False
        return whole and self.process.poll() is None and not _left_behind()


def _left_behind() -> bool:
    deadline = time.monotonic() + 2
    while True:
        names = (_name_of(entry) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
        if MARK[:15] not in names:
            return False
        if time.monotonic() > deadline:
            return True
        time.sleep(0.05)


def _name_of(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return ""
