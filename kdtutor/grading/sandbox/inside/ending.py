"""Ending everything a learner's process has started where no process namespace does it."""

import os
import signal
import time
from contextlib import suppress

from kdtutor.grading.sandbox.inside import landlock
from kdtutor.grading.sandbox.inside.census import descendants
from kdtutor.grading.sandbox.inside.system import PR_SET_NO_NEW_PRIVS, prctl

PATIENCE = 5.0  # seconds for killed processes to be gone


def scope_signals() -> bool:
    """Keep this process's signals to itself and what it starts from now on. False where the kernel cannot."""
    if landlock.abi() < landlock.SCOPE_ABI:
        return False
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    landlock.Ruleset(files=False, scoped=True).enforce()
    return _parent_out_of_reach()


def end_descendants(user: int | None, scoped: bool) -> None:
    """Kill every process below this one and wait until none is left.

    user: the id that those processes have and no other process has; the kernel then kills all of them in one step, as
    it does within the scope of `scope_signals`. Elsewhere they are stopped and killed one by one, again and again.
    """
    deadline = time.monotonic() + PATIENCE
    while _has_children() and time.monotonic() < deadline:
        if user is not None:
            _as_user(user)
        elif scoped and _parent_out_of_reach():
            _kill_all_in_reach()
        else:
            _one_by_one()
        _reap(deadline)


def _parent_out_of_reach() -> bool:
    try:
        os.kill(os.getppid(), 0)
    except PermissionError:
        return True
    except ProcessLookupError:
        return False
    return False


def _kill_all_in_reach() -> None:
    with suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)


def _as_user(user: int) -> None:
    """kill(-1) reaches all processes of this user and nobody else's, for it is not root that calls it."""
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
            if user > 0 and os.getresuid() == (user, user, user) and _parent_out_of_reach():
                _kill_all_in_reach()
        finally:
            os._exit(0)
    os.waitpid(child, 0)


def _one_by_one() -> None:
    for number in (signal.SIGSTOP, signal.SIGKILL):  # stopped first, so that none forks while others are killed
        for process in list(descendants(os.getpid())):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(process, number)


def _has_children() -> bool:
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


def _reap(deadline: float) -> None:
    pause = 0.0005
    while time.monotonic() < deadline:
        try:
            process, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if process == 0:
            if pause > 0.02:
                return
            time.sleep(pause)
            pause *= 2
