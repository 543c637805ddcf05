"""Measuring in a clean process: an artifact is decoded where nothing else is, and only numbers come back.

What goes in are artifacts, the learner's file, the teacher and the pictures; what comes back is one line of JSON.
The process has a limit on memory and on time of its own, whoever starts it. Nothing in an artifact is run.
"""

import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from kdtutor.contract.artifact import network_in
from kdtutor.measure import latency_ratio
from kdtutor.quantize import decode_artifact, encode_artifact

Runner = Callable[[Sequence[str], bytes], bytes]

COMMAND = (sys.executable, "-m", "kdtutor.contract.process")
MEMORY = 4 * 2**30  # bytes of address space, most of which torch only reserves
SECONDS = 60
KEPT = ("PATH", "LD_LIBRARY_PATH", "HOME", "SYSTEMROOT", "PYTHONPATH")


def plain(command: Sequence[str], stdin: bytes) -> bytes:
    """Run a command in a process of its own, in an empty folder, with next to nothing of the environment."""
    environment = {name: os.environ[name] for name in KEPT if name in os.environ} | {"OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as folder:
        return subprocess.run(
            command, input=stdin, capture_output=True, timeout=SECONDS, env=environment, cwd=folder, check=False
        ).stdout


def apart(job: str, *artifacts: bytes, run: Runner | None = None) -> Any:
    """What a job finds about artifacts in a clean process. run: how to run it; default: a plain process.

    "reads" (file) -> None. "answers" (file, pictures) -> the class of each picture. "latency" (teacher, file, pictures)
    -> the duration of the file's network as a share of the teacher's. ValueError where the file cannot be used;
    RuntimeError where the process ended without an answer.
    """
    said = (run or plain)(COMMAND, b"".join(struct.pack("<Q", len(each)) + each for each in (job.encode(), *artifacts)))
    try:
        answer = json.loads(said)
        found, refused = answer["found"], answer["refused"]
    except (ValueError, TypeError, KeyError):
        raise RuntimeError("the process that measures gave no answer") from None
    if refused is not None:
        raise ValueError(str(refused)[:300])
    return found


def reads(file: bytes) -> None:
    """Nothing, where the file holds a network for the glyphs. ValueError otherwise."""
    network = network_in(file)
    try:
        with torch.inference_mode():
            shape = tuple(network(torch.zeros(2, 1, 16, 16)).shape)
    except RuntimeError as error:
        raise ValueError(f"its layers do not fit one another or a 16 × 16 picture: {error}") from None
    if shape != (2, 36):
        raise ValueError(f"it maps 2 pictures to logits of shape {shape}: (2, 36) is needed")


@torch.inference_mode()
def answers(file: bytes, pictures: bytes) -> list[int]:
    """The class that the network gives each picture."""
    reads(file)
    network = network_in(file)
    return [int(c) for part in _pictures(pictures).split(1000) for c in network(part).argmax(1)]


@torch.inference_mode()
def latency(teacher: bytes, file: bytes, pictures: bytes) -> float:
    """How long a batch takes the network, as a share of the teacher's time; pairs of calls, in turns."""
    reads(file)
    batch = _pictures(pictures)
    mine, theirs = network_in(file), network_in(teacher)
    return latency_ratio(partial(mine, batch), partial(theirs, batch), warmup=5, budget=2.0, precision=0.01).median


def _pictures(data: bytes) -> Tensor:
    return decode_artifact(data)["x"].decode()


def pictures_as_artifact(x: Tensor) -> bytes:
    """Pictures in the form in which they go in."""
    return encode_artifact({"x": x})


def _limited() -> None:
    """As much memory and time as decoding needs, where the system can say so."""
    try:
        import resource
    except ImportError:  # Windows has no such limits; the bounds on bytes and values hold there as well
        return
    for what, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, SECONDS)):
        hard = resource.getrlimit(what)[1]
        if hard == resource.RLIM_INFINITY or hard > most:
            resource.setrlimit(what, (most, hard))


def _parts(data: bytes) -> list[bytes]:
    parts = []
    while data:
        (length,) = struct.unpack("<Q", data[:8])
        parts.append(data[8 : 8 + length])
        data = data[8 + length :]
    return parts


def done(task: bytes) -> bytes:
    """Do the job that the first part names with the artifacts in the others: one line of JSON."""
    torch.set_num_threads(1)
    job, *artifacts = _parts(task)
    jobs: dict[str, Callable[..., Any]] = {"reads": reads, "answers": answers, "latency": latency}
    found = refused = None
    try:
        found = jobs[job.decode()](*artifacts)
    except (ValueError, TypeError) as error:
        refused = str(error)
    except MemoryError:
        refused = "the network in it needs more memory than there is for it"
    except RuntimeError as error:  # torch also says so where it finds no memory
        refused = f"the network in it cannot be run: {error}"
    return json.dumps({"found": found, "refused": refused}).encode()


def serve(connection: socket.socket) -> None:
    """The same for a process that was forked into a sandbox: read the task to its end, answer, leave."""
    task = bytearray()
    while part := connection.recv(1 << 16):
        task += part
    connection.sendall(done(bytes(task)))
    connection.close()


def main() -> None:
    """Read the task, do it, write what came of it."""
    _limited()
    sys.stdout.buffer.write(done(sys.stdin.buffer.read()))


if __name__ == "__main__":
    main()
