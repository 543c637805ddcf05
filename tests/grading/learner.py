"""A learner's process for tests: one warm process forks a child for each notebook, with nothing but the agent in it."""

import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import pytest

from kdtutor.grading.crossing.channel import SocketChannel
from kdtutor.grading.crossing.codec import CAPS, Caps
from kdtutor.grading.crossing.proxy import Inside

_WARM_PARENT = """
import json, linecache, os, socket, sys
import torch, torch._dynamo  # which each child would import at its optimiser's first step
from kdtutor.grading.crossing.agent import serve
from kdtutor.grading.crossing.channel import SocketChannel
from kdtutor.grading.crossing.codec import Caps
from kdtutor.grading.sandbox.inside.server import pass_backward_once

torch.set_num_threads(1)
pass_backward_once()
requests = socket.socket(fileno=int(sys.argv[1]))
requests.send(b"ready")
while True:
    data, handles, _, _ = socket.recv_fds(requests, 2**20, 1)
    if not data:
        break
    child = os.fork()
    if child:
        os.close(handles[0])
        requests.send(str(child).encode())
        continue
    requests.close()
    channel = SocketChannel(socket.socket(fileno=handles[0]))
    namespace = {"__name__": "__main__"}
    request = json.loads(data)
    for number, cell in enumerate(request["cells"], 1):
        name = f"<cell {number}>"
        linecache.cache[name] = (len(cell), None, cell.splitlines(True), name)
        try:
            exec(compile(cell, name, "exec"), namespace)
        except Exception:
            pass  # a kernel goes on after a cell that fails
    serve(channel, namespace, caps=Caps(**request["caps"]))
    os._exit(0)
"""

Open = Callable[..., Inside]


@pytest.fixture(scope="session")
def warm_parent() -> Iterator[socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours:
        process = subprocess.Popen(
            [sys.executable, "-c", _WARM_PARENT, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        theirs.close()
        assert ours.recv(100) == b"ready"
        yield ours
    process.kill()
    process.wait()


@pytest.fixture
def learner(warm_parent: socket.socket) -> Iterator[Open]:
    """learner(cell, cell, ..., timeout=...) runs the cells in a process of their own and opens it."""
    opened: list[tuple[Inside, int]] = []

    def run(*cells: str, caps: Caps = CAPS, timeout: float = 60, **settings: Any) -> Inside:
        ours, theirs = socket.socketpair()
        with theirs:
            request = {"cells": [textwrap.dedent(cell) for cell in cells], "caps": asdict(caps)}
            socket.send_fds(warm_parent, [json.dumps(request).encode()], [theirs.fileno()])
        child = int(warm_parent.recv(100))
        inside = Inside(SocketChannel(ours), caps=caps, timeout=timeout, **settings)
        opened.append((inside, child))
        return inside

    yield run
    for inside, child in opened:
        inside.close()
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
