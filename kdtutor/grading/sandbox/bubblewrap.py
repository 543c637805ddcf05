"""bubblewrap's command line: the first tier's walls, in one place."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from kdtutor.grading.sandbox.limits import MIB, Limits
from kdtutor.grading.sandbox.view import View

HOME, SOCKETS = "/tmp/home", "/run/kernel"


def command(view: View, limits: Limits, folder: Path) -> tuple[str, ...]:
    """All up to the payload. folder: the sandbox's own folder outside, seen inside at the same place.

    Not --die-with-parent: killed while it starts, bubblewrap would leave a child behind that waits for it for ever. Its
    payload ends with the warm parent instead, and all else with the payload.

    As root there is no user namespace: the learner's process becomes a user nobody else is, which is the stronger
    wall. As any other user bubblewrap makes one.
    """
    program = shutil.which("bwrap")
    if program is None:
        raise FileNotFoundError("bubblewrap is not installed")
    namespaces = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    if os.geteuid() != 0:
        namespaces.append("--unshare-user")
    return (
        program,
        *namespaces,
        *("--new-session", "--clearenv", "--hostname", "sandbox"),
        *_shown(view, limits, folder),
        *("--proc", "/proc", "--dev", "/dev", "--perms", "1777", "--size", str(limits.disk), "--tmpfs", "/dev/shm"),
        *(word for path in _masked_folders(view) for word in ("--remount-ro", str(path))),
        *("--remount-ro", "/dev"),
        *("--perms", "0777", "--size", str(MIB), "--tmpfs", SOCKETS),
        *("--remount-ro", "/"),
    )


def _shown(view: View, limits: Limits, folder: Path) -> Iterator[str]:
    """Binds and masks, outer before inner, so that what lies beneath /tmp outside is shown on top of the new /tmp."""
    temporary = ("--perms", "1777", "--size", str(limits.disk), "--tmpfs", "/tmp", "--perms", "0777", "--dir", HOME)
    steps = [(Path("/tmp"), temporary), (folder, ("--ro-bind", str(folder), str(folder)))]
    steps += [(path, _bind(path)) for path in view.readable]
    steps += [(path, _mask(path)) for path in _masked(view)]
    made = {Path("/tmp")}
    for path, words in sorted(steps, key=lambda step: len(step[0].parts)):
        for parent in reversed(path.parents[:-1]):
            if parent not in made and not any(parent.is_relative_to(above) for above in (*view.readable, folder)):
                made.add(parent)
                yield from ("--perms", "0755", "--dir", str(parent))  # by itself bubblewrap closes it to others
        yield from words


def _masked(view: View) -> list[Path]:
    """What is hidden beneath something shown."""
    shown = [path for path in view.readable if not path.is_symlink()]
    return [path for path in view.hidden if path.exists() and any(path.is_relative_to(above) for above in shown)]


def _masked_folders(view: View) -> list[Path]:
    return [path for path in _masked(view) if path.is_dir()]


def _bind(path: Path) -> tuple[str, ...]:
    if path.is_symlink() and path.parent == Path("/"):  # /bin and its like on a merged /usr
        return ("--symlink", str(path.readlink()), str(path))
    return ("--ro-bind", str(path), str(path))


def _mask(path: Path) -> tuple[str, ...]:
    if path.is_dir():
        return ("--perms", "0555", "--tmpfs", str(path))
    return ("--ro-bind", "/dev/null", str(path))
