"""One run at a time over a folder of records; what a killed run left behind is no obstacle."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LEFT_OVER = 3600  # seconds after which a half-written record is nobody's any more


@contextmanager
def one_at_a_time(folder: Path) -> Iterator[None]:
    """Hold the folder, which is made. RuntimeError where another process holds it; the death of one gives it free."""
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / ".lock", "a") as lock:
        try:
            import fcntl
        except ImportError:  # no such locks on Windows
            yield
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RuntimeError(f"{folder.name} is being graded by another run: wait until it has ended") from None
        _sweep(folder)
        yield


def _sweep(folder: Path) -> None:
    for path in folder.glob(".record.*"):
        with suppress(OSError):
            if path.stat().st_mtime < time.time() - LEFT_OVER:
                path.unlink()
