"""The process beside each learner's: it counts what is used, takes the output, ends all of it, and says how it ended.

It is forked from the warm parent, trusted, and out of the learner's reach: in another process namespace, or another
user, or outside the learner's Landlock scope.
"""

import json
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from kdtutor.grading.sandbox.inside.census import Usage, usage
from kdtutor.grading.sandbox.limits import Limits

GLANCE = 0.1  # seconds between two looks at what is used
CHUNK = 1 << 16


@dataclass
class Drain:
    """Output that is read as long as it comes and kept up to a size."""

    source: int
    kept: int
    room: int

    def read(self) -> bool:
        """Take what is there. False at the end."""
        try:
            data = os.read(self.source, CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        if data and self.room:
            self.room -= os.write(self.kept, data[: self.room])
        return bool(data)

    def rest(self) -> None:
        """Take what is left in the pipe, however many hold its other end."""
        os.set_blocking(self.source, False)
        for _ in range(64):
            before = self.room
            if not self.read() or self.room in (before, 0):
                return


@dataclass
class Watched:
    """What a keeper needs to know of its sandbox: its processes, its files, and how to end it."""

    processes: Callable[[], Iterable[int]]
    files: Callable[[], tuple[int, int]]
    end: Callable[[], None]
    shared: int
    extra: int


def keep(child: int, client: socket.socket, drains: list[Drain], watched: Watched, limits: Limits) -> None:
    """Watch until the learner's process ends, a limit is crossed, or the client asks for the end or goes away.

    The client's requests are one byte each: u asks for the usage, k for the end. The last message says how it ended.
    """
    watcher = os.pidfd_open(child)
    poll = select.poll()
    poll.register(watcher, select.POLLIN)
    poll.register(client, select.POLLIN)
    by_source = {drain.source: drain for drain in drains}
    for source in by_source:
        poll.register(source, select.POLLIN)
    reason, used, next_look = "", Usage(), time.monotonic() + GLANCE
    while not reason:
        ready = [number for number, _ in poll.poll(max(0.0, next_look - time.monotonic()) * 1000)]
        for source in ready:
            if source in by_source and not by_source[source].read():
                poll.unregister(source)
        if client.fileno() in ready:
            request = _request(client)
            if request == b"u":
                used = _look(watched, limits)
                _say(client, {"cpu_seconds": used.cpu_seconds, "memory": used.memory, "tasks": used.tasks})
            else:
                reason = "killed"
        if watcher in ready:
            reason = "ended"
        elif time.monotonic() >= next_look:
            used = _look(watched, limits)
            reason = reason or crossed(used, watched.files(), limits, watched.extra)
            next_look = time.monotonic() + GLANCE
    used = max(used, _look(watched, limits), key=lambda seen: seen.cpu_seconds)
    with suppress(ProcessLookupError):
        signal.pidfd_send_signal(watcher, signal.SIGKILL)
    _, status, spent = os.wait4(child, 0)
    watched.end()
    for drain in drains:
        drain.rest()
    code = os.waitstatus_to_exitcode(status)
    if reason == "ended" and code in (-signal.SIGXCPU, -signal.SIGKILL) and spent.ru_utime >= limits.cpu_seconds:
        reason = "cpu_seconds"
    seconds = max(used.cpu_seconds, spent.ru_utime + spent.ru_stime)
    _say(client, {"reason": reason, "code": code, "cpu_seconds": seconds})


def crossed(used: Usage, files: tuple[int, int], limits: Limits, extra: int) -> str:
    """The name of the first limit that the usage is beyond, or nothing. extra: processes that are not the learner's."""
    size, count = files
    over = {
        "cpu_seconds": used.cpu_seconds > limits.cpu_seconds,
        "memory": used.memory > limits.memory,
        "processes": used.tasks > limits.processes + extra,
        "disk": size > limits.disk,
        "files": count > limits.files,
    }
    return next((name for name, true in over.items() if true), "")


def _look(watched: Watched, limits: Limits) -> Usage:
    return usage(watched.processes(), watched.shared, limits.memory)


def _request(client: socket.socket) -> bytes:
    try:
        return client.recv(16)
    except OSError:
        return b""


def _say(client: socket.socket, message: dict[str, object]) -> None:
    with suppress(OSError):
        client.send(json.dumps(message).encode())
