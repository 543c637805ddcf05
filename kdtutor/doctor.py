"""What this machine has and lacks, in sentences that say how to get it."""

import shutil
from dataclasses import dataclass
from importlib import metadata

from kdtutor import data, machine

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True)
class Finding:
    """One line of the examination; `remedy` is empty where nothing is missing."""

    what: str
    found: str
    fine: bool = True
    remedy: str = ""


def examine_machine() -> list[Finding]:
    """Python, torch, device, memory, packages, data, browser and sandbox of this machine."""
    facts = [Finding(what, found) for what, found in machine.describe().items()]
    return [*facts, _memory(), _packages(), _data(), _browser(), *_sandbox()]


def browser() -> str | None:
    """Path of a Chromium that browser tests can drive, or None."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def _memory() -> Finding:
    gib = machine.memory_gib()
    if gib >= 2:
        return Finding("memory for a notebook", "enough: a notebook needs up to 1.5 GiB")
    return Finding(
        "memory for a notebook", f"{gib:.1f} GiB", False, "a notebook needs up to 1.5 GiB: close other programs"
    )


def _packages() -> Finding:
    wanted = ("jupyterlab", "nbgrader", "jupytext", "nbclient")
    missing = [name for name in wanted if not _installed(name)]
    if not missing:
        return Finding("course packages", ", ".join(f"{name} {metadata.version(name)}" for name in wanted))
    return Finding("course packages", f"without {', '.join(missing)}", False, "pip install -r requirements.txt")


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _data() -> Finding:
    return Finding("data", ", ".join(data.names()))


def _browser() -> Finding:
    path = browser()
    if path:
        return Finding("browser", path)
    remedy = "install Chromium (Debian: apt-get install chromium); only the browser tests need it"
    return Finding("browser", "none", False, remedy)


def _sandbox() -> list[Finding]:
    """The best tier for graded work, what a red team makes of it, and how to a better one."""
    from kdtutor.grading.proof.drill import drill
    from kdtutor.grading.sandbox import NoSandboxError, best, probe
    from kdtutor.grading.sandbox.tiers import REMEDIES

    try:
        tier = best()
    except NoSandboxError as error:
        return [Finding("sandbox for grading", "none works here", False, str(error))]
    better = [each for each in probe() if not each.works and probe().index(each) < probe().index(tier)]
    remedy = "".join(f"{each.name} would be better, and does not work here: {each.why}.\n" for each in better)
    attempts = drill(tier)
    through = [attempt.attack for attempt in attempts if not attempt.stopped]
    said = f"{len(attempts) - len(through)} of {len(attempts)} attacks stopped"
    return [
        Finding("sandbox for grading", f"{tier.name}: {tier.why}", not better, remedy + REMEDIES if better else ""),
        Finding(
            "red team",
            said,
            not through,
            f"it did not stop: {', '.join(through)}. Do not grade untrusted work here." if through else "",
        ),
    ]
