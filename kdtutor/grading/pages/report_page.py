"""From a course's records to the page for the class."""

from pathlib import Path

from kdtutor.authoring.layout import Course
from kdtutor.grading import places
from kdtutor.grading.pages.feedback_pages import words_of
from kdtutor.grading.pages.page import write_page
from kdtutor.grading.pages.report import report
from kdtutor.grading.records.class_records import class_records, key_of_records


def write_report(
    course: Course, unit: str, *, anonymous: bool = False, records: Path | None = None, out: Path | None = None
) -> Path:
    """Write the report of a unit and return where it lies: by default in the folder `reports` beside the records'.

    anonymous: learners are numbered. FileNotFoundError where there are no records or the unit is not built.
    """
    words = words_of(course, unit)
    folder = records or places.records_folder(course)
    found = class_records(folder, unit, places.key_file(course))
    key = key_of_records(places.key_file(course))
    name = f"{unit}-anonymous.html" if anonymous else f"{unit}.html"
    path = out or folder.parent / "reports" / name
    shown = report(found.records, title=words.title, unit=unit, refused=found.refused, key=key if anonymous else None)
    write_page(shown, path)
    return path
