"""Entering a class in the gradebook only where that changes anything: opening nbgrader's book takes seconds."""

import hashlib
import importlib
import os
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from kdtutor.authoring.layout import Course
from kdtutor.grading import places
from kdtutor.grading.classroom.quick_imports import quick_imports
from kdtutor.grading.handed_in.intake import Submission
from kdtutor.grading.records.canonical_json import canonical
from kdtutor.grading.records.record import Record

SQLITE = "sqlite:///"
STAMP = ".entered"


def enter_what_is_new(
    course: Course, unit: str, records: Sequence[Record], handed_in: Sequence[Submission], folder: Path
) -> dict[str, str]:
    """`gradebook.enter`, left out where the same records were entered and the book is as that left it.

    folder: of the unit's records, where a stamp is kept. A book in any other database than a SQLite file is always
    entered. Returns the learners whose record was refused, and why.
    """
    stamp = folder / STAMP
    state = _state(course, unit, records)
    if state is not None and _read(stamp) == state:
        return {}
    from kdtutor.grading.gradebook.enter import enter

    refused = enter(course, unit, records, handed_in)
    state = None if refused else _state(course, unit, records)
    if state is not None:
        _write(stamp, state)
    return refused


def get_ready_to_enter() -> None:
    """Import what entering needs, which takes two seconds."""
    with quick_imports():
        importlib.import_module("kdtutor.grading.gradebook.enter")


def _state(course: Course, unit: str, records: Sequence[Record]) -> bytes | None:
    """A hash of what entering depends on and of what it makes; None where that cannot be told."""
    if not course.gradebook.startswith(SQLITE) or "?" in course.gradebook:
        return None
    book = Path(course.gradebook.removeprefix(SQLITE))
    try:
        content = {
            "book": _seen(book),
            "records": [hashlib.sha256(record.to_json()).hexdigest() for record in records],
            "timestamps": [_bytes(places.submitted(course, unit, each.learner) / "timestamp.txt") for each in records],
            "marked": [_seen(places.autograded(course, unit, each.learner)) for each in records],
        }
    except OSError:
        return None
    return hashlib.sha256(canonical(content)).hexdigest().encode()


def _seen(path: Path) -> list[int]:
    state = path.stat()
    return [state.st_ino, state.st_size, state.st_mtime_ns]


def _bytes(path: Path) -> str | None:
    try:
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # a pipe is not waited for
        with open(os.open(path, flags), "rb") as file:
            return file.read(200).hex()
    except OSError:
        return None


def _read(stamp: Path) -> bytes | None:
    with suppress(OSError):
        return stamp.read_bytes()
    return None


def _write(stamp: Path, state: bytes) -> None:
    with suppress(OSError):  # without a stamp the next run enters once more
        descriptor, temporary = tempfile.mkstemp(dir=stamp.parent, prefix=".record.")
        with open(descriptor, "wb") as file:
            file.write(state)
        os.replace(temporary, stamp)
