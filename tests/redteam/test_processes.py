"""A learner's process ends when it is ended, with all it started, and touches no other."""

import os
import time

import pytest

from kdtutor.grading.sandbox import Warm
from tests.redteam.attack import LIMITS, Outside, attack, begin, heard, named_processes


def test_a_fork_bomb_stays_within_its_limit(warm: Warm, canary: Outside) -> None:
    program = """
        named("kdbomb")
        while True:
            try:
                os.fork()
            except OSError:
                time.sleep(0.02)
    """
    with warm.fork() as process:
        begin(process, program)
        most, deadline = 0, time.monotonic() + 1
        while time.monotonic() < deadline and process.alive():
            most = max(most, len(named_processes("kdbomb")))
            time.sleep(0.05)
        assert 1 < most <= LIMITS.processes + 1
    assert named_processes("kdbomb") == []


def test_detached_children_die_with_it(warm: Warm) -> None:
    program = """
        for _ in range(3):
            if os.fork() == 0:
                os.setsid()
                if os.fork() == 0:
                    named("kdescapee")
                    signal.signal(signal.SIGTERM, signal.SIG_IGN)
                    signal.signal(signal.SIGHUP, signal.SIG_IGN)
                    if os.fork():
                        os._exit(0)
                    time.sleep(600)
                os._exit(0)
            os.wait()
        time.sleep(0.2)
        say("left")
        sys.stdout.flush()
        os._exit(0)
    """
    with warm.fork() as process:
        begin(process, program)
        assert heard(process) == "left"
        assert process.wait(10) is not None
    assert named_processes("kdescapee") == []


def test_children_that_fork_on_and_on_die_with_it(warm: Warm) -> None:
    program = """
        if os.fork() == 0:
            os.setsid()
            named("kdhydra")
            while True:
                try:
                    if os.fork():
                        os._exit(0)
                except OSError:
                    pass
        time.sleep(600)
    """
    with warm.fork() as process:
        begin(process, program)
        process.wait(0.5)
    time.sleep(0.05)
    assert named_processes("kdhydra") == []


def test_signals_reach_nobody_else(warm: Warm, canary: Outside) -> None:
    program = """
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        deeds = {
            "parent": lambda: os.kill(parent, signal.SIGKILL),
            "keeper": lambda: os.kill(keeper, signal.SIGKILL),
            "own parent": lambda: os.kill(os.getppid(), signal.SIGKILL) if os.getppid() else 1 / 0,
            "canary": lambda: os.kill(canary, signal.SIGTERM),
            "group": lambda: os.killpg(canary, signal.SIGTERM),
            "by descriptor": lambda: signal.pidfd_send_signal(os.pidfd_open(canary), signal.SIGTERM),
        }
        say({name: str(tried(deed)) for name, deed in deeds.items()})
        tried(lambda: os.kill(-1, signal.SIGTERM))
        time.sleep(0.1)
        for number in (*range(2, 50), parent, canary):
            if number != os.getpid():
                tried(lambda: os.kill(number, signal.SIGTERM))
        say("survived")
    """
    with warm.fork() as other:
        begin(other, "time.sleep(600)")
        result = attack(warm, program, parent=warm.pid, keeper=other.pid - 1, canary=canary.process.pid)
        assert other.alive()
    first = result.stdout.splitlines()[0].decode()
    assert "None" not in first, first
    assert attack(warm, "say(1)").said == 1


def test_limits_and_priorities_of_others_stay(warm: Warm, canary: Outside) -> None:
    program = """
        import resource
        deeds = {
            "limit": lambda: resource.prlimit(canary, resource.RLIMIT_CPU, (1, 1)),
            "affinity": lambda: os.sched_setaffinity(canary, {0}),
            "priority": lambda: os.setpriority(os.PRIO_PROCESS, canary, 19),
            "scheduler": lambda: os.sched_setscheduler(canary, os.SCHED_IDLE, os.sched_param(0)),
            "hard limit": lambda: resource.setrlimit(resource.RLIMIT_CPU, (100, 100)),
            "real time": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
        }
        say({name: str(tried(deed)) for name, deed in deeds.items()})
    """
    said = attack(warm, program, canary=canary.process.pid).said
    assert {name: outcome for name, outcome in said.items() if not outcome.endswith("Error")} == {}


def test_no_process_can_be_traced_or_read(warm: Warm, canary: Outside) -> None:
    program = """
        attach, read = 16, None
        says = []
        for number in (canary, parent, os.getppid(), 1, 2):
            says.append(libc.ptrace(attach, number, 0, 0))
            says.append(-1 if isinstance(tried(lambda: open(f"/proc/{number}/mem", "rb").read(1)), str) else 0)
        say(says)
    """
    said = attack(warm, program, canary=canary.process.pid, parent=warm.pid).said
    assert set(said) == {-1}


def test_no_new_rights_and_no_namespaces(warm: Warm) -> None:
    program = """
        numbers = {"unshare": (272, 0x10000000), "mount": (165, 0, 0, 0, 0), "bpf": (321, 0, 0, 0),
                   "io_uring": (425, 1, 0), "userfaultfd": (323, 0), "keys": (250, 0, 0),
                   "segments": (29, 0, 4096, 0o1600), "memfd": (319, b"x", 0),
                   "new user by clone": (56, 0x10000000 | 17, 0, 0, 0, 0), "handles": (304, -100, 0, 0),
                   "chroot": (161, b"/")}
        if os.uname().machine != "x86_64":
            numbers = {}
        refused = {name: call(*words) for name, words in numbers.items()}
        status = tried(lambda: dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines()))
        say({"refused": refused, "privileges": status["NoNewPrivs"].strip(), "filter": status["Seccomp"].strip(),
             "effective": status["CapEff"].strip(), "bounding": status["CapBnd"].strip(), "user": os.getuid(),
             "become": str(tried(lambda: os.setuid(0)) if os.getuid() else "PermissionError")})
    """
    said = attack(warm, program).said
    assert {name: number for name, number in said["refused"].items() if number != 1} == {}
    assert said["privileges"] == "1"
    assert said["filter"] == "2"
    # The right to read stays where root's own interpreter is closed to others, never that to change anything
    assert int(said["effective"], 16) in ({0} if os.geteuid() else {0, 4})
    if os.geteuid() == 0 or warm.tier.name == "bubblewrap":  # else there never was a right to give up
        assert int(said["bounding"], 16) == 0
    assert said["user"] != 0
    assert said["become"].endswith("Error")


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
def test_a_loop_that_ignores_interrupts_is_killed(warm: Warm, number: str) -> None:
    program = f"signal.signal(signal.{number}, signal.SIG_IGN)\nsay(1)\ntime.sleep(600)"
    began = time.monotonic()
    result = attack(warm, program, seconds=0.3)
    assert result.ending is None
    assert time.monotonic() - began < 5


def test_a_process_that_stops_itself_is_killed(warm: Warm) -> None:
    result = attack(warm, "os.kill(os.getpid(), signal.SIGSTOP)", seconds=0.3)
    assert result.ending is None
    assert attack(warm, "say(1)").said == 1


def test_leaving_at_once_is_an_ending_like_any_other(warm: Warm) -> None:
    ending = attack(warm, "os._exit(7)").ending
    assert ending is not None
    assert (ending.reason, ending.code) == ("ended", 7)


def test_a_crash_of_the_interpreter_is_an_ending(warm: Warm) -> None:
    ending = attack(warm, "ctypes.string_at(0)").ending
    assert ending is not None
    assert (ending.reason, ending.code) == ("ended", -11)
