"""One learner's process, as its grader holds it."""

import json
import os
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

MESSAGE = 1 << 20
ANSWER_SECONDS = 60
SLICE = 0.1  # seconds


@dataclass(frozen=True)
class Ending:
    """How a process ended. reason: "ended" by itself, "killed" by the grader, or the name of the limit it crossed.

    code: its exit status, negative for a signal. cpu_seconds: of all its processes.
    """

    reason: str
    code: int
    cpu_seconds: float


class Process:
    """A learner's process and everything it starts. Leaving the `with` block ends all of it.

    channel: a connected stream socket whose other end the entry function was called with. pid: as seen out here.
    sockets, sockets_inside: the folder in which it may listen when it was forked to do so, as seen out here and by it.
    """

    def __init__(
        self,
        end: Callable[[int], None],
        channel: socket.socket,
        status: socket.socket,
        outputs: tuple[BinaryIO, BinaryIO],
    ) -> None:
        self.channel = channel
        self.pid = self.number = -1
        self.sockets, self.sockets_inside = Path(), ""
        self._end, self._status, self._outputs = end, status, outputs
        self._ending: Ending | None = None
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End it, and give its descriptors back."""
        self.kill()
        self.channel.close()
        self._status.close()
        for output in self._outputs:
            output.close()

    def alive(self) -> bool:
        """Whether the learner's process runs."""
        return self.wait(0) is None

    def wait(self, seconds: float | None = None) -> Ending | None:
        """How it ended; None when it has not within these seconds of wall time (None: however long)."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            left = SLICE if deadline is None else min(SLICE, max(0.0, deadline - time.monotonic()))
            with self._lock:  # for a moment at a time: another thread may want to kill what this one waits for
                if self._ending is None:
                    self._hear(left)
                if self._ending is not None:
                    return self._ending
            if deadline is not None and time.monotonic() >= deadline:
                return None

    def cpu_seconds(self) -> float:
        """CPU time so far of this process and all it started."""
        with self._lock:
            if self._ending is None:
                with suppress(OSError):
                    self._status.send(b"u")
            while self._ending is None:
                told = self._hear(ANSWER_SECONDS)
                if told is None:
                    raise RuntimeError(f"nothing was heard of the sandbox for {ANSWER_SECONDS} s")
                if "tasks" in told:
                    return float(told["cpu_seconds"])
            return self._ending.cpu_seconds

    def kill(self) -> None:
        """End it and everything it started, detached or not; nothing of it is left when this returns."""
        with self._lock:
            if self.number < 0:
                return
            if self._ending is None:
                with suppress(OSError):
                    self._status.send(b"k")
            self._end(self.number)
            self.number = -1
        if self.wait(0) is None:
            self._ending = Ending("killed", -9, 0.0)

    def stdout(self) -> bytes:
        """What it has written to standard output, up to the limit."""
        return _content(self._outputs[0])

    def stderr(self) -> bytes:
        """What it has written to standard error, up to the limit."""
        return _content(self._outputs[1])

    def _hear(self, seconds: float | None) -> dict[str, Any] | None:
        """One message of the keeper; None when none came in time."""
        self._status.settimeout(seconds)
        try:
            text = self._status.recv(MESSAGE)
        except (TimeoutError, BlockingIOError):
            return None
        except OSError:
            text = b""
        told: dict[str, Any] = json.loads(text) if text else {"reason": "killed", "code": -9, "cpu_seconds": 0.0}
        if "reason" in told:
            self._ending = Ending(told["reason"], told["code"], told["cpu_seconds"])
        return told


def kept_output() -> BinaryIO:
    """A file in memory for what a process writes."""
    return os.fdopen(os.memfd_create("output"), "w+b", buffering=0)


def _content(output: BinaryIO) -> bytes:
    return os.pread(output.fileno(), os.fstat(output.fileno()).st_size, 0)
