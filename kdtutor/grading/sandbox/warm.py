"""The warm parent, as its grader holds it: start it once, fork a confined process for each learner."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

from kdtutor.grading.sandbox import bubblewrap
from kdtutor.grading.sandbox.guest import furnish
from kdtutor.grading.sandbox.inside.plan import Plan, Task
from kdtutor.grading.sandbox.inside.storage import remove
from kdtutor.grading.sandbox.limits import Limits
from kdtutor.grading.sandbox.loader import loader
from kdtutor.grading.sandbox.process import ANSWER_SECONDS, MESSAGE, Process, kept_output
from kdtutor.grading.sandbox.tiers import BUBBLEWRAP, Tier
from kdtutor.grading.sandbox.view import libraries, standard_library, view

SCRIPT = "kdtutor.grading.sandbox.inside.script:serve"
PRELOAD = ("torch", "numpy")
SERVER = "kdtutor.grading.sandbox.inside.server"
START_SECONDS = 120  # a first import of torch from a cold disk takes long
END_SECONDS = 30

ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "USER": "learner",
    "LOGNAME": "learner",
    "PYTHONHASHSEED": "0",
    "PYTHONDONTWRITEBYTECODE": "1",
    "MALLOC_ARENA_MAX": "2",
    "CUDA_VISIBLE_DEVICES": "",
    "MPLBACKEND": "agg",
    **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS"), "1"),
}


@dataclass(frozen=True)
class Line:
    """The way to a warm parent that waits for its grader, which may be in another process: `Warm(..., line=line)`."""

    tier: Tier
    control: socket.socket
    folder: str


class Warm:
    """A process that has imported torch and forks from itself a confined process a learner.

    tier: from `best()` or `probe()`. entry: "module:function", called in each process with the channel's other end;
    by default a function that runs a Python program that it reads from there. exposed: kdtutor's files, relative to
    the package, that can be imported inside; all others are hidden. readable, hidden: more paths of this machine that
    may, or may not, be read. preload: modules that every process finds imported; one that has a function `before_forks`
    has it called. line: to a twin of another warm parent, which has all this already and so starts at once. Used from
    several threads, it answers one request at a time.
    RuntimeError when it does not start.
    """

    def __init__(
        self,
        tier: Tier,
        limits: Limits | None = None,
        *,
        entry: str = SCRIPT,
        exposed: Iterable[str] = (),
        readable: Iterable[Path] = (),
        hidden: Iterable[Path] = (),
        preload: Sequence[str] = PRELOAD,
        line: Line | None = None,
    ) -> None:
        if not tier.works:
            raise RuntimeError(f"the sandbox {tier.name} does not work here: {tier.why}")
        self.tier, self.limits, self.entry = tier, limits or Limits(), entry
        self._lock = threading.Lock()
        self._processes: WeakSet[Process] = WeakSet()
        with ExitStack() as undo:
            self.folder = Path(line.folder if line else _new_folder())
            undo.callback(remove, str(self.folder))
            self._said = undo.enter_context(tempfile.TemporaryFile())
            if line:
                self._control = line.control
            else:
                plan = self._plan(tuple(exposed), tuple(readable), tuple(hidden), tuple(preload))
                self._control, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                undo.callback(self._control.close)
                with far:
                    server = _start(plan, far, self._said.fileno())
                undo.callback(_bury, server)
                self._control.send(plan.to_json())
            undo.callback(self._control.close)  # before the server is waited for: that is how it knows
            self._control.settimeout(START_SECONDS)
            self.pid = int(self._answer()["ready"])
            undo.callback(_end, os.pidfd_open(self.pid), self._control)
            self._control.settimeout(ANSWER_SECONDS)
            self._undo = undo.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the warm parent and every process forked from it; no file and no process is left."""
        for process in list(self._processes):
            process.kill()
        self._undo.close()

    def fork(self, *, seed: int = 0, entry: str = "", command: Sequence[str] = (), sockets: bool = False) -> Process:
        """A new confined process, which calls `entry` with its end of the channel, or else runs a command.

        seed: of Python's, numpy's and torch's generators. RuntimeError when the sandbox cannot be made.
        """
        with ExitStack() as undo:
            channel, far_channel = socket.socketpair()
            status, far_status = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            outputs = (kept_output(), kept_output())
            process = Process(self._end, channel, status, outputs)
            undo.push(process)
            task = Task(
                entry="" if command else entry or self.entry, command=tuple(command), seed=seed, sockets=sockets
            )
            with far_channel, far_status:
                reply = self._request(
                    task.__dict__, [far_channel.fileno(), far_status.fileno(), *(output.fileno() for output in outputs)]
                )
            process.number, process.pid = reply["number"], reply["pid"]
            self._processes.add(process)
            process.sockets, process.sockets_inside = Path(reply["sockets"]), reply["sockets_inside"]
            undo.pop_all()
        return process

    def twin(self) -> Line:
        """A copy of this warm parent, a process of its own, for another grader. RuntimeError where there is none."""
        folder = _new_folder()
        near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ExitStack() as undo, far:
            undo.callback(remove, folder)
            undo.callback(near.close)
            self._request({"twin": folder}, [far.fileno()])
            undo.pop_all()
        return Line(self.tier, near, folder)

    def _request(self, message: dict[str, Any], descriptors: Sequence[int] = ()) -> dict[str, Any]:
        """Ask the warm parent for something. RuntimeError with its own words where it refuses or is gone."""
        with self._lock:
            try:
                socket.send_fds(self._control, [json.dumps(message).encode()], descriptors)
            except OSError:
                raise RuntimeError(self._last_words("it is gone")) from None
            return self._answer()

    def _end(self, number: int) -> None:
        with suppress(RuntimeError):  # gone, and everything with it
            self._request({"end": number})

    def _plan(
        self,
        exposed: tuple[str, ...],
        readable: tuple[Path, ...],
        hidden: tuple[Path, ...],
        preload: tuple[str, ...],
    ) -> Plan:
        modules = furnish(self.folder, exposed)
        seen = view(readable, hidden)
        allowed = [*(str(path) for path in seen.without_hidden()), str(modules)]
        confined_by_namespaces = self.tier.name == BUBBLEWRAP
        return Plan(
            tier=self.tier.name,
            limits=self.limits,
            command=bubblewrap.command(seen, self.limits, modules) if confined_by_namespaces else (),
            readable=tuple(allowed),
            listed=tuple(str(path) for path in seen.given_way()),
            folder=str(self.folder),
            search=(str(modules), *standard_library(), *libraries()),
            preload=(*preload, self.entry.partition(":")[0]) if preload else (),
            prefix=sys.prefix,
        )

    def _answer(self) -> dict[str, Any]:
        try:
            text = self._control.recv(MESSAGE)
        except TimeoutError:
            raise RuntimeError(self._last_words("it does not answer")) from None
        except OSError:
            text = b""
        if not text:
            raise RuntimeError(self._last_words("it is gone"))
        reply: dict[str, Any] = json.loads(text)
        if "error" in reply:
            raise RuntimeError(f"the sandbox {self.tier.name} failed: {reply['error']}")
        return reply

    def _last_words(self, what: str) -> str:
        said = os.pread(self._said.fileno(), 1 << 16, 0).decode(errors="replace").strip()
        return f"the warm parent of the sandbox {self.tier.name}: {what}. {said}".strip()


def _new_folder() -> str:
    return tempfile.mkdtemp(prefix="kdtutor-sandbox-")


def _bury(server: "subprocess.Popen[bytes]") -> None:
    try:
        server.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _end(watcher: int, control: socket.socket) -> None:
    """Hang up on a warm parent and wait until it has ended."""
    control.close()
    over = select.poll()
    over.register(watcher, select.POLLIN)
    if not over.poll(END_SECONDS * 1000):
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(watcher, signal.SIGKILL)
    os.close(watcher)


def _start(plan: Plan, control: socket.socket, said: int) -> "subprocess.Popen[bytes]":
    home = Path(plan.folder, "warm")
    home.mkdir(mode=0o700)
    environment = ENVIRONMENT | {
        "PATH": os.pathsep.join([str(Path(sys.prefix, "bin")), "/usr/local/bin", "/usr/bin", "/bin"]),
        "HOME": str(home),
        "TMPDIR": str(home),
        "MPLCONFIGDIR": str(home),
        "PYTHONPATH": plan.search[0],
    }
    # Started by its loader, /proc/self/exe in a learner's process is the loader, which no user may change, and not a
    # path out of the sandbox to the interpreter's own file
    return subprocess.Popen(
        [*loader(sys.executable), sys.executable, "-s", "-P", "-S", "-B", "-m", SERVER, str(control.fileno())],
        env=environment,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=said,
        stderr=said,
        pass_fds=[control.fileno()],
        start_new_session=True,
    )
