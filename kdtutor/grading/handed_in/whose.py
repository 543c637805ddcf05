"""Whose file it is, and how surely it is the unit's notebook, told from where it lies and what it is called."""

import re
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import partial

from kdtutor.grading.handed_in.files import A_FOLDER, Entry, refuse
from kdtutor.grading.records.names import as_name

NOTEBOOK = re.compile(r"^(?P<stem>.+)\.ipynb(?:\.(?:txt|json))?$", re.IGNORECASE)  # browsers append the last part
MOODLE = re.compile(r"^(?P<learner>.+?)_assignsubmission_[a-z]+_?$")  # "Ada Lovelace_12345_assignsubmission_file_"
BLACKBOARD = re.compile(r"^.*?(?P<learner>[^_]+)_attempt_[\d-]+$")  # "Unit 1_ada_attempt_2026-11-21-10-00-00"
NUMBERED = re.compile(r"^(?P<learner>.+?)(?:_late)?(?P<numbers>(?:[_-]\d+)*)$", re.IGNORECASE)  # Canvas: "ada_LATE_1_2"
COPY = re.compile(r"^(?:[\s_-]*(?:\(?\d+\)?|copy|final))*$", re.IGNORECASE)


class Rank(IntEnum):
    """How well a file is named for what is looked for; the lowest counts."""

    EXACT = 0
    NAMES_THE_UNIT = 1
    SOME_NOTEBOOK = 2
    NO_NOTEBOOK = 3
    NOTHING = 4


@dataclass(frozen=True)
class HandIn:
    """An entry that a learner handed in; `number` is the platform's for the learner, "" where it gave none."""

    learner: str
    number: str
    rank: Rank
    entry: Entry


def hand_in(entry: Entry, unit: str) -> HandIn | None:
    """Whose the entry is, as a submission for the unit; None where it is none."""
    for depth, part in enumerate(entry.parts[:-1], 1):
        if NOTEBOOK.match(part):
            entry = Entry(entry.parts[:depth], "folder", entry.around, partial(refuse, A_FOLDER))
            break
    notebook = NOTEBOOK.match(entry.parts[-1])
    if notebook is None:
        return _no_notebook(entry, unit)
    named = _around_the_unit(notebook["stem"], unit)
    if named is None:
        return _some_notebook(entry, notebook["stem"], unit)
    *folders, _ = entry.parts
    before, after = named
    rank = Rank.NAMES_THE_UNIT if before or after else Rank.EXACT
    by_name = _numbered(before) if before else None
    if len(folders) >= 2 and folders[-1] == unit and not (by_name and by_name[1]):
        return HandIn(*_of_folder(folders[-2]), rank, entry)
    if by_name:
        return HandIn(*by_name, Rank.NAMES_THE_UNIT if after else Rank.EXACT, entry)
    if not folders and not COPY.match(after):
        return HandIn(*_numbered(after), rank, entry)
    return HandIn(*_of_folder(_nearest_folder(entry, unit)), rank, entry)


def _some_notebook(entry: Entry, stem: str, unit: str) -> HandIn | None:
    """A notebook that does not name the unit counts in a learner's folder, or under the learner's name alone."""
    *folders, _ = entry.parts
    if not folders:
        return HandIn(*_numbered(stem), Rank.SOME_NOTEBOOK, entry)
    if folders[-1] == unit:
        owner = folders[-2] if len(folders) >= 2 else entry.around[1]
        return HandIn(*_of_folder(owner), Rank.SOME_NOTEBOOK, entry)
    if MOODLE.match(folders[-1]) or (len(folders) == 1 and folders[0] != stem):  # X/X.ipynb: the unit X
        return HandIn(*_of_folder(folders[-1]), Rank.SOME_NOTEBOOK, entry)
    return None


def _no_notebook(entry: Entry, unit: str) -> HandIn | None:
    """Anything else is a submission only where a notebook was meant to be."""
    *folders, name = entry.parts
    if entry.kind == "folder":
        if name != unit or not folders:
            return None
        words = f"The folder holds no notebook: hand in {unit}.ipynb."
        return HandIn(*_of_folder(folders[-1]), Rank.NOTHING, replace(entry, read=partial(refuse, words)))
    if entry.kind == "closed":
        if name == unit and folders:
            return HandIn(*_of_folder(folders[-1]), Rank.NO_NOTEBOOK, entry)
        return HandIn(*_of_folder(name), Rank.NO_NOTEBOOK, entry) if not folders else None
    words = f"There is a file {as_name(name)[:60]!r} but no notebook: hand in {unit}.ipynb."
    other = replace(entry, read=partial(refuse, words))
    if len(folders) >= 2 and folders[-1] == unit:
        return HandIn(*_of_folder(folders[-2]), Rank.NO_NOTEBOOK, other)
    if folders and (MOODLE.match(folders[-1]) or name == unit):
        return HandIn(*_of_folder(folders[-1]), Rank.NO_NOTEBOOK, other)
    named = _around_the_unit(name.rsplit(".", 1)[0], unit)
    return HandIn(*_numbered(named[0]), Rank.NO_NOTEBOOK, other) if named and named[0] and not folders else None


def _around_the_unit(stem: str, unit: str) -> tuple[str, str] | None:
    """What stands before and after the unit's name in a file's; None where it does not stand there."""
    found = re.search(rf"(?<![0-9A-Za-z]){re.escape(unit)}", stem, re.IGNORECASE)
    return (stem[: found.start()].strip(" _.-"), stem[found.end() :].strip(" _.-")) if found else None


def _nearest_folder(entry: Entry, unit: str) -> str:
    """The name of the folder around a file, in the place or around it, that is not the unit's."""
    return next((name for name in (*reversed(entry.parts[:-1]), *reversed(entry.around)) if name != unit), "unnamed")


def _of_folder(name: str) -> tuple[str, str]:
    """Learner and number of a folder: its own name, but for the endings that a platform gives."""
    return _numbered(name) if MOODLE.match(name) else (as_name(name), "")


def _numbered(text: str) -> tuple[str, str]:
    """Learner and number of what a platform makes of a name: "ada_late_12345_678" is ada, 12345."""
    for platform in (MOODLE, BLACKBOARD):
        if found := platform.match(text):
            text = found["learner"]
    found = NUMBERED.match(text)
    if found is None:
        return as_name(text), ""
    return as_name(found["learner"]), next(iter(re.findall(r"\d+", found["numbers"])), "")
