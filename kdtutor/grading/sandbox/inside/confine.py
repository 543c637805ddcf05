"""The last steps of a learner's process before anything of the learner's runs: rights and resources given up."""

import os
import resource
from contextlib import suppress

from kdtutor.grading.sandbox.inside import landlock, seccomp
from kdtutor.grading.sandbox.inside.census import status_bytes, tasks_of_user
from kdtutor.grading.sandbox.inside.plan import Place, Plan, Task
from kdtutor.grading.sandbox.inside.system import (
    CAP_DAC_READ_SEARCH,
    PR_SET_DUMPABLE,
    PR_SET_NO_NEW_PRIVS,
    become,
    die_with,
    drop_bounding_set,
    drop_capabilities,
    prctl,
)

SPARE_USERS = 1_800_000_000  # no system gives these out; unique by adding the keeper's process id
SPARE_USERS_HERE, SPARE_USERS_COUNT = 60_100, 5_000  # where a container maps 65536 users only
PROGRAMS_OWN = 16 << 30  # address space that libraries of a program map and never touch
ROOM_IN_NAMESPACE = 3  # bubblewrap, its payload and the keeper count as well
HARMLESS_PROC = ("cpuinfo", "meminfo", "stat", "loadavg", "version", "uptime", "filesystems", "sys/kernel", "sys/vm")
DEVICES = ("null", "zero", "full", "random", "urandom")


def spare_user(keeper: int) -> int:
    """A user id that nobody else has, for the process beside this keeper."""
    with open("/proc/self/uid_map") as file:
        first, _, count = (int(word) for word in file.readline().split())
    if first + count > SPARE_USERS + (1 << 23):
        return SPARE_USERS + keeper
    return SPARE_USERS_HERE + keeper % SPARE_USERS_COUNT


def confine(plan: Plan, task: Task, place: Place, user: int | None, parent: int) -> None:
    """Give up what the tier says. user: the id to become, where this process is root; None: it stays who it is."""
    limit(plan, user, forked=not task.command)
    if plan.tier == "none":
        die_with(parent)
        return
    files = _files(plan, place)
    if user is None:
        drop_bounding_set()
        drop_capabilities()
    elif seccomp.available() and not all(_open_to_others(path) for path in plan.readable):
        # Root's own interpreter, say, in a folder closed to others. It may read all that it can reach by a path, which
        # the namespaces or Landlock keep small; the filter takes the call that needs no path
        become(user, CAP_DAC_READ_SEARCH)
    else:
        become(user)
    prctl(PR_SET_DUMPABLE, 1)  # or its own /proc/self would be closed to it
    die_with(parent)
    prctl(PR_SET_NO_NEW_PRIVS, 1)
    if files is not None:
        files.enforce()
    if plan.tier == "landlock" or seccomp.available():
        seccomp.install(_filter(plan.tier, task, user))


def limit(plan: Plan, user: int | None, *, forked: bool) -> None:
    """Set the resource limits, and be the kernel's first choice when memory runs out."""
    limits = plan.limits
    mapped, data = (status_bytes("VmSize"), status_bytes("VmData")) if forked else (PROGRAMS_OWN, 0)
    counted = 0
    if user is None:
        # Since Linux 5.14 a user namespace counts its own processes; otherwise the user's others count as well
        alone = plan.tier == "bubblewrap" and _release() >= (5, 14)
        counted = ROOM_IN_NAMESPACE if alone else tasks_of_user(os.getuid())
    for what, value in (
        (resource.RLIMIT_AS, mapped + limits.memory),
        (resource.RLIMIT_DATA, data + limits.memory),
        (resource.RLIMIT_NPROC, counted + limits.processes),
        (resource.RLIMIT_FSIZE, limits.file_bytes),
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_CPU, limits.cpu_seconds + 1),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
        (resource.RLIMIT_MEMLOCK, 1 << 16),
        (resource.RLIMIT_SIGPENDING, 1024),
    ):
        _, hardest = resource.getrlimit(what)
        least = value if hardest == resource.RLIM_INFINITY else min(value, hardest)
        resource.setrlimit(what, (least, least))
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")


def _files(plan: Plan, place: Place) -> landlock.Ruleset | None:
    """Landlock's rules: the only wall of the tier of that name, a second one behind bubblewrap's."""
    if not landlock.abi():
        return None
    alone = plan.tier == "landlock"
    rules = landlock.Ruleset(tcp=alone)
    for path in plan.readable if alone else ("/",):
        rules.allow(path, landlock.READ)
    for device in DEVICES:
        rules.allow(f"/dev/{device}", landlock.DEVICE)
    if alone:
        for folder in plan.listed:
            rules.allow(folder, landlock.READ_DIR)
        rules.allow("/proc/self", landlock.READ)
        for name in HARMLESS_PROC:
            rules.allow(f"/proc/{name}", landlock.READ)
    else:
        rules.allow("/dev/shm", landlock.WRITE)
        for terminals in ("/dev/ptmx", "/dev/pts"):
            rules.allow(terminals, landlock.DEVICE | landlock.READ_DIR | landlock.IOCTL_DEV)
    rules.allow(place.home, landlock.WRITE)
    rules.allow(place.temporary, landlock.WRITE)
    rules.allow(place.sockets, landlock.ONLY_SOCKETS)
    return rules


def _open_to_others(path: str) -> bool:
    """Whether anybody may go to this place and read it."""
    with suppress(FileNotFoundError):
        needed = 0o005 if os.path.isdir(path) else 0o004
        if os.stat(path).st_mode & needed != needed:
            return False
    while path != "/":
        path = os.path.dirname(path)
        with suppress(FileNotFoundError):
            if not os.stat(path).st_mode & 0o001:
                return False
    return True


def _filter(tier: str, task: Task, user: int | None) -> bytes:
    if tier == "bubblewrap" or task.sockets:  # a kernel adds `after_listening` before anything of the learner's runs
        return seccomp.program(seccomp.WITHIN_NAMESPACE)
    among_others = user is None
    stay = not among_others or landlock.abi() >= landlock.SCOPE_ABI
    return seccomp.program(seccomp.INHERITED, shared=among_others, signals=stay)


def after_listening() -> None:
    """In the landlock tier, once a kernel has made its sockets: no more of them, and none that leads out."""
    stay = landlock.abi() >= landlock.SCOPE_ABI
    code = seccomp.program(None, shared=True, signals=stay, forbidden=False)
    seccomp.install(code, all_threads=True)


def _release() -> tuple[int, ...]:
    return tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2])
