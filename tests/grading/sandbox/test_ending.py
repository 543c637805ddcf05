"""Ending all that a process has started, where no process namespace does it."""

import os
import subprocess
import sys
import textwrap

from kdtutor.grading.sandbox.inside import landlock

PROGRAM = """
    import os, signal, sys, time
    from kdtutor.grading.sandbox.inside import ending
    from kdtutor.grading.sandbox.inside.census import children
    from kdtutor.grading.sandbox.inside.system import prctl

    prctl(36, 1)  # orphans come here
    scoped = ordinary and ending.scope_signals()
    if os.fork() == 0:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        for _ in range(5):
            if os.fork() == 0:
                os.setsid()
                deadline = time.monotonic() + 10
                while time.monotonic() < deadline:  # a new process every moment, the old one gone
                    if os.fork():
                        os._exit(0)
                    time.sleep(0.002)
        time.sleep(600)
    time.sleep(0.3)
    before = len(children(os.getpid()))
    ending.end_descendants(None, scoped)
    print(before, len(children(os.getpid())), scoped)
"""


def test_one_by_one_reaches_even_those_that_fork_on_and_on() -> None:
    before, after, _ = _run("ordinary = False")
    assert int(before) > 1
    assert int(after) == 0


def test_within_a_scope_in_one_step() -> None:
    """As an ordinary user and from Linux 6.12 on; elsewhere it is the same as one by one."""
    before, after, scoped = _run("import os; ordinary = os.geteuid() != 0")
    assert int(before) > 1
    assert int(after) == 0
    assert scoped == str(os.geteuid() != 0 and landlock.abi() >= landlock.SCOPE_ABI)


def _run(first: str) -> list[str]:
    program = first + "\n" + textwrap.dedent(PROGRAM)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.split()
