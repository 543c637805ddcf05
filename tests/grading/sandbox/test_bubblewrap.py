"""The command line says every wall, and walls come before what is shown behind them."""

import os
import shutil
from pathlib import Path

import pytest

from kdtutor.grading.sandbox import Limits, bubblewrap
from kdtutor.grading.sandbox.view import View

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


def words_of(view: View, folder: Path, limits: Limits | None = None) -> list[str]:
    return list(bubblewrap.command(view, limits or Limits(), folder))


def test_every_namespace(tmp_path: Path) -> None:
    words = words_of(View((Path("/usr"),), ()), tmp_path)
    for wall in ("pid", "net", "ipc", "uts", "cgroup-try"):
        assert f"--unshare-{wall}" in words
    assert ("--unshare-user" in words) == (os.geteuid() != 0)
    assert {"--new-session", "--clearenv"} <= set(words)


def test_nothing_is_bound_writable(tmp_path: Path) -> None:
    words = words_of(View((Path("/usr"), tmp_path), ()), tmp_path)
    assert not [word for word in words if word in ("--bind", "--dev-bind", "--bind-try")]
    assert words[-2:] == ["--remount-ro", "/"]


def test_places_to_write_have_a_size(tmp_path: Path) -> None:
    words = words_of(View((Path("/usr"),), ()), tmp_path, Limits(disk=12345))
    for place in ("/tmp", "/dev/shm"):
        at = words.index(place)
        assert words[at - 3 : at] == ["--size", "12345", "--tmpfs"]


def test_masks_come_after_what_they_cover_and_before_what_is_shown_in_them(tmp_path: Path) -> None:
    shown, hidden, inner = tmp_path / "shown", tmp_path / "shown/hidden", tmp_path / "shown/hidden/inner"
    inner.mkdir(parents=True)
    words = words_of(View((shown, inner), (hidden,)), tmp_path / "modules")
    bind, mask, again = (words.index(word, 0) for word in (str(shown), str(hidden), str(inner)))
    assert bind < mask < again
    assert words[mask - 1] == "--tmpfs"
    assert words[words.index("--remount-ro") + 1] == str(hidden)
