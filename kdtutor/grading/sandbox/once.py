"""One command in a sandbox of its own: a clean process, its output, and how it ended."""

import socket
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from kdtutor.grading.sandbox.limits import Limits
from kdtutor.grading.sandbox.tiers import Tier
from kdtutor.grading.sandbox.warm import Warm


@dataclass(frozen=True)
class Outcome:
    """reason: "ended", "timeout", or the name of the limit that was crossed. code: exit status, negative for a signal.

    stdout, stderr: what it wrote, up to the limit. cpu_seconds: of all its processes.
    """

    reason: str
    code: int
    stdout: bytes
    stderr: bytes
    cpu_seconds: float


def run(
    tier: Tier,
    argv: Sequence[str],
    limits: Limits | None = None,
    stdin: bytes = b"",
    timeout: float = 60.0,
    *,
    exposed: Iterable[str] = (),
    readable: Iterable[Path] = (),
    hidden: Iterable[Path] = (),
) -> Outcome:
    """Run a command in the tier and wait for it, at most `timeout` seconds of wall time.

    exposed, readable, hidden: as for `Warm`. RuntimeError when the sandbox cannot be made.
    """
    if not argv:
        raise ValueError("argv is empty: a command to run is needed")
    with (
        Warm(tier, limits, exposed=exposed, readable=readable, hidden=hidden, preload=()) as warm,
        warm.fork(command=argv) as process,
    ):
        feeder = threading.Thread(target=_feed, args=(process.channel, stdin), daemon=True)
        feeder.start()
        ending = process.wait(timeout)
        process.kill()
        feeder.join()
        late = ending is None
        ending = ending or process.wait()
        assert ending is not None
        reason = "timeout" if late else ending.reason
        return Outcome(reason, ending.code, process.stdout(), process.stderr(), ending.cpu_seconds)


def _feed(channel: socket.socket, data: bytes) -> None:
    with suppress(OSError):
        channel.sendall(data)
        channel.shutdown(socket.SHUT_WR)
