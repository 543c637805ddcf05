"""What this machine has and lacks, in sentences that say how to get it."""

import shutil
import subprocess
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
    return [*facts, _memory(), _packages(), _data(), _browser(), _sandbox()]


def browser() -> str | None:
    """Path of a Chromium that browser tests can drive, or None."""
    return next((path for name in BROWSERS if (path := shutil.which(name))), None)


def bubblewrap_works() -> tuple[bool, str]:
    """Whether bubblewrap can make namespaces here, and what it said if not."""
    path = shutil.which("bwrap")
    if path is None:
        return False, "bubblewrap is not installed"
    trial = [path, "--ro-bind", "/", "/", "--unshare-all", "--die-with-parent", "true"]
    outcome = subprocess.run(trial, capture_output=True, text=True, timeout=20, check=False)
    return outcome.returncode == 0, outcome.stderr.strip() or "namespaces work"


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


def _sandbox() -> Finding:
    works, said = bubblewrap_works()
    if works:
        return Finding("sandbox", f"bubblewrap: {said}")
    remedy = "install bubblewrap (Debian: apt-get install bubblewrap) on a machine that allows user namespaces"
    return Finding("sandbox", said, False, remedy)
