"""Files in a folder or a zip archive, read with care: no links, nothing outside, nothing endless."""

import os
import re
import stat
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from kdtutor.grading.handed_in.submitted_cells import LARGEST
from kdtutor.grading.records.names import readable

DEEPEST = 5  # folders
HIDDEN = ("__MACOSX", "__pycache__")
COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # read in bounded pieces; platforms use no other
TOO_LARGE = f"The file has more than {LARGEST >> 20} MB: clear the notebook's outputs and hand it in again."
A_LINK = "This is a link to a file, not a file: hand in the notebook itself."
A_FOLDER = "There is a folder where the notebook should be."


class Refused(ValueError):  # noqa: N818
    """A file that is not read; the message is one sentence for the learner."""


@dataclass(frozen=True)
class Entry:
    """What lies in a place, by its path from there, and how to read it: `read` gives bytes or raises Refused.

    kind: "closed" is a link, or a folder that may not be opened. around: the names of the two folders around all of it,
    for an archive its own name without `.zip` in place of the nearer one.
    """

    parts: tuple[str, ...]
    kind: Literal["file", "folder", "closed"]
    around: tuple[str, str]
    read: Callable[[], bytes]

    @property
    def shown(self) -> str:
        """The path for a message, printable and of bearable length."""
        path = "/".join("".join(c if c.isprintable() else "�" for c in readable(part)) for part in self.parts)
        return path if len(path) <= 200 else f"…{path[-199:]}"


@contextmanager
def entries(place: Path) -> Iterator[list[Entry]]:
    """Everything in a folder or a zip archive, hidden files left out; a notebook is the only thing in itself.

    Entries can be read while the context is open. FileNotFoundError and ValueError for a place that is none of these.
    """
    if not place.exists():
        raise FileNotFoundError(f"{place} is not there: a folder, a zip archive or a notebook is needed")
    place = place.resolve()
    if place.is_dir():
        yield list(_in_folder(place, (), (place.parent.name, place.name)))
    elif place.suffix == ".ipynb":
        yield [Entry((place.name,), "file", (place.parent.parent.name, place.parent.name), partial(_read_file, place))]
    elif zipfile.is_zipfile(place):
        with _opened(place) as archive:
            yield list(_in_archive(archive, (place.parent.name, place.stem)))
    else:
        raise ValueError(f"{place} is neither a folder, nor a zip archive, nor a notebook (.ipynb)")


def refuse(words: str) -> bytes:
    raise Refused(words)


def _hidden(name: str) -> bool:
    return name.startswith(".") or name in HIDDEN


def _in_folder(folder: Path, parts: tuple[str, ...], around: tuple[str, str]) -> Iterator[Entry]:
    try:
        with os.scandir(folder) as inside:
            found = sorted((each for each in inside if not _hidden(each.name)), key=lambda each: each.name)
    except OSError as error:
        if not parts:
            raise
        yield Entry(parts, "closed", around, partial(refuse, f"The folder cannot be opened: {_why(error)}."))
        return
    for each in found:
        path = (*parts, each.name)
        if each.is_symlink():
            yield Entry(path, "closed", around, partial(refuse, A_LINK))
        elif each.is_dir(follow_symlinks=False):
            yield Entry(path, "folder", around, partial(refuse, A_FOLDER))
            if len(path) < DEEPEST:
                yield from _in_folder(Path(each.path), path, around)
        else:
            yield Entry(path, "file", around, partial(_read_file, Path(each.path)))


def _read_file(path: Path) -> bytes:
    # A file may have become a link or a pipe since it was listed: neither is followed nor waited for
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        with open(os.open(path, flags), "rb") as file:
            state = os.fstat(file.fileno())
            if not stat.S_ISREG(state.st_mode):
                raise Refused("This is no ordinary file: hand in the notebook itself.")
            if state.st_size > LARGEST:
                raise Refused(TOO_LARGE)
            data = file.read(LARGEST + 1)
    except OSError as error:
        raise Refused(f"The file cannot be read: {_why(error)}.") from None
    if len(data) > LARGEST:
        raise Refused(TOO_LARGE)
    return data


def _why(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()


def _in_archive(archive: zipfile.ZipFile, around: tuple[str, str]) -> Iterator[Entry]:
    for info in archive.infolist():
        parts, outside = _inner_path(info.filename)
        if not parts or any(_hidden(part) for part in parts):
            continue
        refusal = _refusal(info, outside)
        read = partial(refuse, refusal) if refusal else partial(_read_member, archive, info)
        kind: Literal["file", "folder"] = "folder" if info.is_dir() else "file"
        yield Entry(parts, kind, around, read)


def _opened(place: Path) -> zipfile.ZipFile:
    for encoding in ("utf-8", None):  # of names that do not say which they have; None is the standard's own
        try:
            return zipfile.ZipFile(place, metadata_encoding=encoding)
        except UnicodeDecodeError:
            continue
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise ValueError(f"{place} cannot be read as a zip archive: {error}") from None
    raise ValueError(f"{place} cannot be read as a zip archive: its names are in no known encoding")


def _inner_path(name: str) -> tuple[tuple[str, ...], bool]:
    """The folders and the name of a member, and whether its path leads out of the archive."""
    drive = re.match(r"[A-Za-z]:", name)
    steps = re.split(r"[/\\]+", name[2:] if drive else name)
    outside = bool(drive) or name.startswith(("/", "\\")) or ".." in steps
    return tuple(step for step in steps if step not in ("", ".", "..")), outside


def _refusal(info: zipfile.ZipInfo, outside: bool) -> str | None:
    """Why a member is not read, as far as the archive's list tells."""
    if outside:
        return "The path of the file leads out of the archive: hand in the notebook itself."
    if stat.S_ISLNK(info.external_attr >> 16):
        return A_LINK
    if info.is_dir():
        return A_FOLDER
    if info.flag_bits & 0x1:
        return "The file is locked with a password: hand it in without one."
    if info.file_size > LARGEST:
        return TOO_LARGE
    if info.compress_type not in COMPRESSIONS:
        return "The file is packed in an unusual way: pack it as an ordinary zip archive."
    return None


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    try:
        with archive.open(info) as file:
            data = file.read(LARGEST + 1)
    except Exception:  # zipfile documents none and lets those of zlib, struct and the file system pass
        raise Refused("The file is damaged inside the zip archive: hand it in again.") from None
    if len(data) > LARGEST:
        raise Refused(TOO_LARGE)
    return data
