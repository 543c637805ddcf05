"""What a learner's process may read: the system's programs, this Python with its libraries, and little else."""

import os
import site
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import kdtutor

PACKAGE = Path(kdtutor.__file__).resolve().parent
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix/store", "/gnu/store")
SETTINGS = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime", "/sys/devices/system/cpu")


@dataclass(frozen=True)
class View:
    """readable: files and folders seen in their own place, read-only. hidden: beneath them, and not seen."""

    readable: tuple[Path, ...]
    hidden: tuple[Path, ...]

    def without_hidden(self) -> Iterator[Path]:
        """The same as paths to be read whole: a folder with something hidden in it gives way to its entries."""
        for path, whole in self._spared():
            if whole:
                yield path

    def given_way(self) -> Iterator[Path]:
        """Those folders. To import what else is in one, Python has to list it."""
        for path, whole in self._spared():
            if not whole:
                yield path

    def _spared(self) -> Iterator[tuple[Path, bool]]:
        for path in sorted({path.resolve() for path in self.readable}):
            yield from _spared(path, tuple(place for place in self.hidden if place.is_relative_to(path)))


def view(readable: Iterable[Path] = (), hidden: Iterable[Path] = ()) -> View:
    """The usual view, more that may be read, more that may not. kdtutor's own sources are hidden.

    A readable path beneath a hidden one is seen all the same.
    """
    usual = [Path(path) for path in (*SYSTEM, *SETTINGS) if os.path.exists(path)]
    wanted = [*usual, *_python(), *(Path(path).absolute() for path in readable)]
    missing = [path for path in wanted if not path.exists()]
    if missing:
        raise ValueError(f"{missing[0]} is not there: a sandbox shows files and folders that exist")
    unseen = {PACKAGE, *(Path(path).absolute() for path in hidden)}
    unseen |= {path.resolve() for path in unseen}
    return View(tuple(_outermost(wanted, unseen)), tuple(sorted(unseen)))


def libraries() -> list[str]:
    """Folders of installed modules on this Python's search path, without those that a project has put there."""
    known = {*site.getsitepackages(), site.getusersitepackages(), sysconfig.get_path("purelib")}
    return [path for path in sys.path if path in known and os.path.isdir(path)]


def standard_library() -> list[str]:
    """Where Python's own modules lie."""
    own = {*sysconfig.get_paths().values(), os.path.dirname(os.__file__)}
    zipped = f"python{sys.version_info.major}{sys.version_info.minor}.zip"
    return [path for path in sys.path if path in own or path.endswith(("lib-dynload", zipped))]


def _python() -> Iterator[Path]:
    yield from (Path(path) for path in libraries())
    if not Path(sys.base_prefix).is_relative_to("/usr"):
        for name in ("bin", "lib", "lib64"):
            place = Path(sys.base_prefix, name)
            if place.exists():
                yield place
    if sys.prefix != sys.base_prefix:
        for name in ("bin", "pyvenv.cfg"):
            yield Path(sys.prefix, name)
    real = Path(sys.executable).resolve()
    yield real
    yield from (link for link in _links(Path(sys.executable)))


def _links(path: Path) -> Iterator[Path]:
    while path.is_symlink():
        path = Path(os.path.normpath(path.parent / path.readlink()))
        yield path


def _outermost(paths: Iterable[Path], hidden: Iterable[Path]) -> Iterator[Path]:
    """Each path once, without those that another one shows already."""
    kept: list[Path] = []
    for path in sorted(set(paths)):
        above = next((folder for folder in kept if path.is_relative_to(folder) and not folder.is_symlink()), None)
        if above is None or any(path.is_relative_to(place) and place.is_relative_to(above) for place in hidden):
            kept.append(path)
    yield from kept


def _spared(path: Path, hidden: tuple[Path, ...]) -> Iterator[tuple[Path, bool]]:
    if not hidden:
        yield path, True
        return
    if path in hidden or not path.is_dir():
        return
    yield path, False
    for entry in sorted(entry for entry in path.iterdir() if not entry.is_symlink()):
        yield from _spared(entry, tuple(place for place in hidden if place.is_relative_to(entry)))
