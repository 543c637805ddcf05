"""A course of its own in a temporary folder: the repository's configuration and one unit as it was built."""

import shutil
from pathlib import Path

from kdtutor.authoring import Course
from kdtutor.grading import places
from kdtutor.grading.records.record import Record, course_key, record_path, sign, write_record
from tests.grading.pages import UNIT

ROOT = Path(__file__).resolve().parents[2]


def course_in(folder: Path, *, solved: bool = True) -> Course:
    """The course in a folder, with the built notebooks of the first unit."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    for name in ("course", "solutions") if solved else ("course",):
        (folder / name / UNIT).mkdir(parents=True)
        shutil.copy(ROOT / name / UNIT / f"{UNIT}.ipynb", folder / name / UNIT)
    return Course.of(folder)


def keep(course: Course, *records: Record) -> list[Record]:
    """The records, signed with the course's own key and written to their places."""
    key = course_key(places.key_file(course))
    signed = [sign(record, key) for record in records]
    for record in signed:
        write_record(record, record_path(places.records_folder(course), record.unit, record.learner))
    return signed
