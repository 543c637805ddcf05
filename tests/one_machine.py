"""The machine that tests side by side share: most share it, one that measures may ask to have it alone."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


class OneMachine:
    """A test enters `shared()`, and inside it, where it measures seconds, `alone()`: then no other test runs.

    folder: the same for all processes. Who wants it alone holds the gate while others finish, so that none slips in.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._gate: IO[str] = (folder / "gate").open("w")
        self._machine: IO[str] = (folder / "machine").open("w")

    def close(self) -> None:
        self._gate.close()
        self._machine.close()

    @contextmanager
    def shared(self) -> Iterator[None]:
        with _held(self._gate, fcntl.LOCK_EX):
            fcntl.flock(self._machine, fcntl.LOCK_SH)
        try:
            yield
        finally:
            fcntl.flock(self._machine, fcntl.LOCK_UN)

    @contextmanager
    def alone(self) -> Iterator[None]:
        fcntl.flock(self._machine, fcntl.LOCK_UN)
        with _held(self._gate, fcntl.LOCK_EX):
            fcntl.flock(self._machine, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self._machine, fcntl.LOCK_SH)

    @contextmanager
    def one_at_a_time(self, what: str) -> Iterator[None]:
        """For something that all processes need and one has to make."""
        with (self.folder / f"{what}.lock").open("w") as file, _held(file, fcntl.LOCK_EX):
            yield


@contextmanager
def _held(file: IO[str], how: int) -> Iterator[None]:
    fcntl.flock(file, how)
    try:
        yield
    finally:
        fcntl.flock(file, fcntl.LOCK_UN)
