"""How many processes there are in a sandbox, and what they use."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

TICKS, PAGE = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Usage:
    """Processes and threads at once, their CPU time and that of the dead they waited for, and resident memory."""

    tasks: int = 0
    cpu_seconds: float = 0.0
    memory: int = 0


def usage(processes: Iterable[int], shared: int, allowed: int) -> Usage:
    """Add up. shared: resident bytes of the warm parent, which a fork shares with it until it writes.

    Memory is first overestimated, as if forks shared nothing among each other; only beyond `allowed` is it worth the
    longer look that counts a page that n processes share as 1/n in each.
    """
    tasks, ticks, sizes = 0, 0, {}
    for process in processes:
        with suppress(OSError, IndexError, ValueError):
            fields = _stat(process)
            tasks += int(fields[17])
            ticks += sum(int(field) for field in fields[11:15])
            sizes[process] = int(fields[21]) * PAGE
    memory = sum(sizes.values()) - shared
    if memory > allowed:
        memory = sum(_proportional(process, size) for process, size in sizes.items()) - shared
    return Usage(tasks, ticks / TICKS, max(0, memory))


def resident() -> int:
    """Resident bytes of this process."""
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * PAGE


def status_bytes(field: str) -> int:
    """A size from this process's status file, such as VmSize or VmData."""
    with open("/proc/self/status") as file:
        for line in file:
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
    return 0


def visible() -> list[int]:
    """All processes that /proc shows: within a process namespace, those of the sandbox."""
    return [int(name) for name in os.listdir("/proc") if name.isdecimal()]


def children(process: int) -> list[int]:
    """Processes whose parent this is."""
    with suppress(OSError):
        lists = [_text(f"/proc/{process}/task/{thread}/children") for thread in os.listdir(f"/proc/{process}/task")]
        return [int(number) for text in lists for number in text.split()]
    if not os.path.exists(f"/proc/{process}"):
        return []
    return [
        number for number in visible() if _parent(number) == process
    ]  # the kernel keeps no lists, or a thread ended


def descendants(root: int) -> Iterator[int]:
    """Children of a process, their children, and so on."""
    waiting = [root]
    while waiting:
        for child in children(waiting.pop()):
            waiting.append(child)
            yield child


def tasks_of_user(user: int) -> int:
    """Processes and threads that a user has now."""
    count = 0
    for process in visible():
        with suppress(OSError, ValueError):
            if os.stat(f"/proc/{process}").st_uid == user:
                count += len(os.listdir(f"/proc/{process}/task"))
    return count


def _parent(process: int) -> int:
    with suppress(OSError, IndexError, ValueError):
        return int(_stat(process)[1])
    return -1


def _text(path: str) -> str:
    with open(path) as file:
        return file.read()


def _stat(process: int) -> list[bytes]:
    """Fields of /proc/PID/stat from the third on: the state, the parent and so on."""
    with open(f"/proc/{process}/stat", "rb") as file:
        return file.read().rpartition(b")")[2].split()


def _proportional(process: int, resident_size: int) -> int:
    """Memory with each shared page divided by the number of its holders; all of it where that may not be read."""
    with suppress(OSError, ValueError), open(f"/proc/{process}/smaps_rollup", "rb") as file:
        for line in file:
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) * 1024
    return resident_size
