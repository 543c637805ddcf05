"""From a course's records to its learners' pages, in the place where nbgrader keeps its feedback."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from kdtutor.authoring.layout import Course
from kdtutor.grading import places
from kdtutor.grading.gradebook.by_person import by_person, opened
from kdtutor.grading.pages.feedback import answers_of, feedback
from kdtutor.grading.pages.page import write_page
from kdtutor.grading.pages.unit_words import UnitWords, unit_words
from kdtutor.grading.records.class_records import class_records
from kdtutor.grading.records.record import Record


@dataclass(frozen=True)
class Written:
    """A learner's page, or why there is none: exactly one of `path` and `problem`."""

    learner: str
    path: Path | None = None
    problem: str | None = None


def write_feedback(
    course: Course, unit: str, *, records: Path | None = None, only: str | None = None
) -> Iterator[Written]:
    """Write the pages of a unit, one after the other, and say of each what became of it.

    records: the folder of the records, by default the course's. only: one learner. One learner's trouble is told and
    stops nobody else. FileNotFoundError where there are no records or the unit is not built; ValueError where `only`
    has no record.
    """
    words = words_of(course, unit)
    found = class_records(records or places.records_folder(course), unit, places.key_file(course))
    wanted = [record for record in found.records if only in (None, record.learner)]
    refused = {learner: why for learner, why in found.refused.items() if only in (None, learner)}
    if not wanted and not refused:
        raise ValueError(f"there is no record of {only} for {unit}: run `kdtutor grade {unit}` first")
    with opened(course.gradebook) as gradebook:
        for record in wanted:
            path = places.feedback_page(course, unit, record.learner)
            try:
                write_page(page_of(course, record, words, gradebook), path)
            except (OSError, ValueError) as error:
                yield Written(record.learner, problem=str(error))
            else:
                yield Written(record.learner, path)
    for learner, why in refused.items():
        yield Written(learner, problem=why)


def page_of(course: Course, record: Record, words: UnitWords, gradebook: Any) -> str:
    """The page of a record: with the learner's text where the marked notebook is of this record, with what a person
    added where there is a gradebook."""
    marked = _notebook(places.autograded(course, record.unit, record.learner))
    added = by_person(gradebook, record.unit, record.learner)
    return feedback(record, words, answers=answers_of(record, marked), added=added)


def words_of(course: Course, unit: str) -> UnitWords:
    """The words of a unit. FileNotFoundError where it is not built."""
    released = course.learner_notebook(unit)
    if not released.is_file():
        raise FileNotFoundError(f"{course.named(released)} is not there: run `kdtutor build {unit}` first")
    units = sorted(path.stem for path in course.released.glob("*/*.ipynb") if path.stem == path.parent.name)
    following = next((other for other in units if other > unit), None)
    return unit_words(unit, nbformat.read(released, as_version=4), following)


def _notebook(path: Path) -> NotebookNode | None:
    try:
        return nbformat.read(path, as_version=4)
    except (OSError, ValueError):
        return None
