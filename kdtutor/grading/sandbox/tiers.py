"""Which walls this machine can put around a learner's process. Nothing is assumed: each tier is tried."""

import functools
import platform
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

BUBBLEWRAP, LANDLOCK, NONE = "bubblewrap", "landlock", "none"

REMEDIES = """\
- install bubblewrap (Debian, Ubuntu: apt-get install bubblewrap);
- on Ubuntu 24.04 and later, allow it to make namespaces: put its AppArmor profile in force (package apparmor-profiles,
  then copy /usr/share/apparmor/extra-profiles/bwrap-userns-restrict to /etc/apparmor.d and reload AppArmor);
- in Docker, start the container with
  --cap-add SYS_ADMIN --security-opt seccomp=unconfined --security-opt apparmor=unconfined
  --security-opt systempaths=unconfined;
- without any of it, a Linux kernel from 5.13 with Landlock switched on (lsm=...,landlock) and system call filters.
"""
HOW_TO_GET_ONE = f"""\
No sandbox works on this machine, so nothing is graded. Any one of these helps:
{REMEDIES}If you trust everyone who hands in work: kdtutor grade --trust-submissions.
What was tried:
"""


@dataclass(frozen=True)
class Tier:
    """One way to confine a learner's process; why: what it has here, or why it does not work here."""

    name: str
    works: bool
    why: str


class NoSandboxError(RuntimeError):
    """This machine has no sandbox that works, and nobody said that submissions are trusted."""


@functools.cache
def probe() -> tuple[Tier, ...]:
    """Every tier, best first, each tried once by running a program that looks for a file it must not see."""
    return (_bubblewrap(), _landlock(), Tier(NONE, True, "no walls: for work of people you trust"))


def best(*, trusted: bool = False) -> Tier:
    """The best tier that works. NoSandboxError (a RuntimeError) where there is none, unless submissions are trusted."""
    tiers = [tier for tier in probe() if tier.works and (tier.name != NONE or trusted)]
    if not tiers:
        tried = "\n".join(f"- {tier.name}: {tier.why}" for tier in probe() if tier.name != NONE)
        raise NoSandboxError(HOW_TO_GET_ONE + tried)
    return tiers[0]


def _bubblewrap() -> Tier:
    if sys.platform != "linux":
        return Tier(BUBBLEWRAP, False, f"needs Linux, this is {platform.system()}")
    if shutil.which("bwrap") is None:
        return Tier(BUBBLEWRAP, False, "bubblewrap is not installed")
    from kdtutor.grading.sandbox.inside import landlock, seccomp

    second = [f"Landlock {landlock.abi()}"] if landlock.abi() else []
    second += ["a system call filter"] if seccomp.available() else []
    return _tried(Tier(BUBBLEWRAP, True, ", ".join(["namespaces", *second])))


def _landlock() -> Tier:
    if sys.platform != "linux":
        return Tier(LANDLOCK, False, f"needs Linux, this is {platform.system()}")
    from kdtutor.grading.sandbox.inside import landlock, seccomp

    if not landlock.abi():
        return Tier(LANDLOCK, False, "this kernel has no Landlock, or it is switched off")
    if not seccomp.available():
        return Tier(LANDLOCK, False, f"no system call filter for {platform.machine()} here")
    return _tried(Tier(LANDLOCK, True, f"Landlock {landlock.abi()}, a system call filter"))


def _tried(tier: Tier) -> Tier:
    """The tier as it is when a program in it cannot see a file outside; otherwise with the reason."""
    from kdtutor.grading.sandbox.once import run

    with tempfile.TemporaryDirectory() as folder:
        canary = Path(folder, "canary")
        canary.write_text("seen")
        canary.chmod(0o644)
        Path(folder).chmod(0o755)
        look = 'if cat "$0" 2>/dev/null; then exit 3; else echo unseen; fi'
        try:
            outcome = run(tier, ["/bin/sh", "-c", look, str(canary)], timeout=20)
        except (OSError, RuntimeError) as error:
            return Tier(tier.name, False, str(error))
    if outcome.code == 0 and outcome.stdout == b"unseen\n":
        return tier
    said = (outcome.stdout + outcome.stderr).decode(errors="replace").strip()
    return Tier(tier.name, False, f"it let a program see what it must not, or did not run it: {outcome.reason} {said}")
