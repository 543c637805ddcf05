"""From a fork of the warm parent to a learner's process: its own session, files, names, seed and rights."""

import importlib
import os
import random
import signal
import socket
import sys
import tempfile
import traceback
from typing import NoReturn

from kdtutor.grading.sandbox.inside.confine import confine
from kdtutor.grading.sandbox.inside.plan import Place, Plan, Task

FAILED = 1


def become_learner(
    plan: Plan, task: Task, place: Place, user: int | None, channel: int, outputs: tuple[int, int]
) -> NoReturn:
    """Confine this process and run the task in it. It never returns: the process ends with the task."""
    status = FAILED
    try:
        parent = os.getppid()
        os.setsid()
        _files(channel, outputs, keep_channel=not task.command)
        _environment(plan, place)
        os.chdir(place.home)
        os.umask(0o077)
        confine(plan, task, place, user, parent)
        if task.command:
            _execute(task.command)
        _seed(task.seed)
        module, _, function = task.entry.partition(":")
        entry = getattr(importlib.import_module(module), function)
        with socket.socket(fileno=3) as connection:
            entry(connection)
        status = 0
    except SystemExit as leaving:
        status = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except BaseException:
                status = status or FAILED
        os._exit(status & 0xFF)


def _files(channel: int, outputs: tuple[int, int], *, keep_channel: bool) -> None:
    """0: nothing (or the channel, for a program); 1 and 2: the keeper's pipes; 3: the channel. All others closed."""
    if keep_channel:
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(channel, 200)
        os.dup2(nothing, 0)
    else:
        os.dup2(channel, 0)
    os.dup2(outputs[0], 201)
    os.dup2(outputs[1], 202)
    os.dup2(201, 1)
    os.dup2(202, 2)
    if keep_channel:
        os.dup2(200, 3)
    os.closerange(4 if keep_channel else 3, os.sysconf("SC_OPEN_MAX") if os.sysconf("SC_OPEN_MAX") > 0 else 1 << 20)


def _environment(plan: Plan, place: Place) -> None:
    changes = {"HOME": place.home, "TMPDIR": place.temporary, "MPLCONFIGDIR": f"{place.home}/.matplotlib"}
    os.environ.update(changes | {"IPYTHONDIR": f"{place.home}/.ipython", "PWD": place.home})
    os.environ.pop("PYTHONPATH", None)
    tempfile.tempdir = None
    sys.argv = [""]


def _seed(seed: int) -> None:
    random.seed(seed)
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed(seed % (1 << 32))
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed % (1 << 63))


def _execute(command: tuple[str, ...]) -> NoReturn:
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
    os.execvp(command[0], list(command))
