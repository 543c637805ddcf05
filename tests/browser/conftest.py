"""A real JupyterLab and a real Chromium, both started for the test and ended after it."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from kdtutor.doctor import browser

ROOT = Path(__file__).resolve().parents[2]
ARTIFACTS = ROOT / "artifacts"
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
expect.set_options(timeout=15_000)  # two cores may be busy with other tests
MISSING = "no Chromium on this machine: install it (Debian: apt-get install chromium)"


@dataclass
class Lab:
    address: str
    token: str

    def url(self, path: str) -> str:
        return f"{self.address}/lab/tree/{path}?token={self.token}&reset"


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory, explorers_cache: Path) -> Iterator[Lab]:
    """`kdtutor lab` on a copy of the course, as a learner has it."""
    place = tmp_path_factory.mktemp("lab")
    shutil.copy(ROOT / "nbgrader_config.py", place)
    shutil.copytree(ROOT / "course", place / "course")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "kdtutor",
        "lab",
        "--no-browser",
        f"--port={port}",
        "--IdentityProvider.token=browser-test",
    ]
    home = {"HOME": str(place), "JUPYTER_CONFIG_DIR": str(place / "config"), "KDTUTOR_CACHE": str(explorers_cache)}
    with (place / "lab.log").open("w") as log:
        server = subprocess.Popen(command, cwd=place, env=os.environ | home, stdout=log, stderr=log)
        try:
            running = Lab(f"http://127.0.0.1:{port}", "browser-test")
            _wait_for(running, server, place / "lab.log")
            yield running
        finally:
            server.terminate()
            server.wait(timeout=30)


def _wait_for(lab: Lab, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        if server.poll() is not None:
            pytest.fail(f"kdtutor lab ended with {server.returncode}: {log.read_text()[-2000:]}")
        try:
            with urllib.request.urlopen(f"{lab.address}/api", timeout=2):
                return
        except OSError:
            time.sleep(0.3)
    pytest.fail(f"kdtutor lab did not answer within 90 seconds: {log.read_text()[-2000:]}")


@contextmanager
def chromium(profile: Path, width: int = 1280, height: int = 800) -> Iterator[Page]:
    """A page in a fresh Chromium that keeps its profile in a folder; skips, or in CI fails, where there is none."""
    path = browser()
    if path is None:
        if os.environ.get("CI"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    ARTIFACTS.mkdir(exist_ok=True)
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(profile), executable_path=path, args=FLAGS, viewport={"width": width, "height": height}
        )
        yield context.new_page()
        context.close()


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """A page in a fresh Chromium; an error that no script caught ends the test that caused it."""
    with chromium(tmp_path / "profile") as opened:
        errors: list[str] = []
        opened.on("pageerror", lambda error: errors.append(str(error)))
        yield opened
    assert errors == []
