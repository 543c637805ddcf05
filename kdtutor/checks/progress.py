"""What a learner has done and tried, kept on this machine and nowhere else.

One small file says "this exercise was tried" and another "this exercise was done". A file that is there is never
changed, so that notebooks which run at the same time cannot lose each other's entries.
"""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Literal

from platformdirs import user_data_path

State = Literal["done", "tried", "untouched"]
FOLDER = "KDTUTOR_PROGRESS"  # environment variable: another folder than the user's own
_NAME = re.compile(r"[A-Za-z0-9_]+")


def progress_folder() -> Path:
    """Where progress is kept: the folder named by KDTUTOR_PROGRESS, else one among the user's application data."""
    return Path(os.environ.get(FOLDER) or user_data_path("kdtutor") / "progress")


def remember_verdict(unit: str, exercise: str, passed: bool, part: str = "", folder: Path | None = None) -> None:
    """Keep that an exercise (or a part of it) was tried, or that it passed. What was done once stays done.

    Does nothing while grading (NBGRADER_EXECUTION is set). OSError where the folder cannot be written.
    """
    if "NBGRADER_EXECUTION" in os.environ:
        return
    path = _file(folder or progress_folder(), unit, exercise, "done" if passed else "tried", part)
    if os.path.exists(path):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, unfinished = tempfile.mkstemp(dir=path.parent, prefix=".")
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            json.dump({"exercise": exercise, "first": date.today().isoformat()}, file)
        os.replace(unfinished, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(unfinished)
        raise


def progress_of(unit: str, exercises: Mapping[str, Iterable[str]], folder: Path | None = None) -> dict[str, State]:
    """How far each exercise of a unit is, in the order given.

    exercises: by name, with the names of the parts that are checked one by one, where there are such: an exercise is
    done when it and every part of it are.
    """
    where = folder or progress_folder()
    found: dict[str, State] = {}
    for name, parts in exercises.items():
        pieces = ("", *parts)
        done = [os.path.exists(_file(where, unit, name, "done", piece)) for piece in pieces]
        tried = any(os.path.exists(_file(where, unit, name, "tried", piece)) for piece in pieces)
        found[name] = "done" if all(done) else "tried" if tried or any(done) else "untouched"
    return found


def forget_progress(unit: str | None = None, folder: Path | None = None) -> int:
    """Delete what is kept of a unit, or everything. Returns how many entries there were.

    ValueError for what cannot be a unit's name.
    """
    where = folder or progress_folder()
    if unit is None:
        units = [each for each in where.glob("*") if each.is_dir()]
    else:
        _require_name(unit)
        units = [where / unit]
    count = 0
    for each in units:
        count += len(list(each.glob("*.json")))
        if each.is_dir():
            shutil.rmtree(each)
    return count


def _file(folder: Path, unit: str, exercise: str, state: State, part: str) -> Path:
    names = (exercise, part) if part else (exercise,)
    for name in (unit, *names):
        _require_name(name)
    return folder / unit / f"{'.'.join(names)}.{state}.json"


def _require_name(name: str) -> None:
    """Names become paths: none may lead out of the folder."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a unit, an exercise or a part")
