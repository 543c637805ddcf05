"""In a fork of the warm parent: become a keeper, and fork the learner's process from it."""

import json
import os
import socket
import traceback
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

from kdtutor.grading.sandbox.inside import storage
from kdtutor.grading.sandbox.inside.cell import Cell
from kdtutor.grading.sandbox.inside.census import descendants, visible
from kdtutor.grading.sandbox.inside.confine import spare_user
from kdtutor.grading.sandbox.inside.ending import end_descendants, scope_signals
from kdtutor.grading.sandbox.inside.keeper import Drain, Watched, keep
from kdtutor.grading.sandbox.inside.learner import become_learner
from kdtutor.grading.sandbox.inside.plan import Place, Plan, Task
from kdtutor.grading.sandbox.inside.system import PR_SET_CHILD_SUBREAPER, PR_SET_DUMPABLE, die_with, prctl

WITHIN = Place(home="/tmp/home", temporary="/tmp", sockets="/run/kernel")
NOT_THE_LEARNERS = 2  # bubblewrap and its payload


@dataclass(frozen=True)
class Birth:
    """cell: the namespaces to enter; folder: the private folder where there are none. descriptors: the channel, the
    keeper's line to the grader, and files for the two outputs. tell: a pipe for the first news. parent: the warm
    parent, which holds `shared` bytes of memory.
    """

    cell: Cell | None
    folder: str
    descriptors: list[int]
    tell: int
    parent: int
    shared: int


def become_keeper(plan: Plan, task: Task, birth: Birth) -> NoReturn:
    """Enter the namespaces, fork the learner's process, and keep it to its end. It never returns."""
    status = 1
    try:
        os.setsid()
        die_with(birth.parent)
        user = spare_user(os.getpid()) if os.geteuid() == 0 and plan.tier != "none" else None
        place, scoped = WITHIN, False
        if birth.cell is None:
            prctl(PR_SET_CHILD_SUBREAPER, 1)
            place = _furnish(birth.folder, user)
            scoped = user is None and plan.tier == "landlock" and scope_signals()
        else:
            birth.cell.enter()
        die_with(0)  # entering a namespace cleared it
        prctl(PR_SET_DUMPABLE, 0)
        channel, client, *kept = birth.descriptors
        pipes = [os.pipe() for _ in kept]
        child = os.fork()
        if child == 0:
            become_learner(plan, task, place, user, channel, (pipes[0][1], pipes[1][1]))
        for _, end in pipes:
            os.close(end)
        os.close(channel)
        room = plan.limits.output
        drains = [Drain(source, sink, room) for (source, _), sink in zip(pipes, kept, strict=True)]
        reached = f"/proc/{child}/root{place.sockets}" if birth.cell else place.sockets
        with os.fdopen(birth.tell, "wb") as pipe:
            pipe.write(json.dumps({"pid": child, "sockets": reached, "sockets_inside": place.sockets}).encode())
        with socket.socket(fileno=client) as connection:
            keep(child, connection, drains, _watched(plan, birth, place, user, scoped), plan.limits)
        status = 0
    except BaseException as error:
        with suppress(OSError):
            os.write(birth.tell, json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
        traceback.print_exc()
    finally:
        os._exit(status)


def _watched(plan: Plan, birth: Birth, place: Place, user: int | None, scoped: bool) -> Watched:
    if birth.cell is not None:
        files = partial(storage.on_file_systems, "/tmp", "/dev/shm", place.sockets)
        return Watched(visible, files, birth.cell.kill, birth.shared, NOT_THE_LEARNERS)
    processes = partial(descendants, os.getpid())
    files = partial(storage.beneath, birth.folder, plan.limits.files)
    return Watched(processes, files, partial(end_descendants, user, scoped), birth.shared, 0)


def _furnish(folder: str, user: int | None) -> Place:
    place = Place(*(os.path.join(folder, name) for name in ("home", "tmp", "sockets")))
    os.mkdir(folder, 0o755)
    for path in (place.home, place.temporary, place.sockets):
        os.mkdir(path, 0o700)
        if user is not None:
            os.chown(path, user, user)
    return place
