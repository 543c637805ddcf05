"""The one writer of scores: from signed records to nbgrader's gradebook.

What nbgrader builds on it keeps working: `nbgrader export`, the formgrader, manual grading, extensions and late
penalties, on SQLite or any other database that the course's `db_url` names, such as
postgresql+psycopg://name:password@host/gradebook.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from kdtutor.authoring.layout import Course
from kdtutor.authoring.notebook import to_bytes
from kdtutor.grading import places
from kdtutor.grading.assignment import Assignment, load_assignment
from kdtutor.grading.gradebook.book import LONGEST_ID, TIMESTAMP, Book, GradebookError, enter_unit, timestamp
from kdtutor.grading.gradebook.marked import Marked, mark, marked_with
from kdtutor.grading.handed_in.intake import Submission, submissions
from kdtutor.grading.records.record import Record, course_key, verify

__all__ = ["Book", "GradebookError", "enter", "enter_unit"]


def enter(
    course: Course,
    unit: str,
    records: Iterable[Record],
    handed_in: Iterable[Submission] | None = None,
    *,
    key: bytes | None = None,
) -> dict[str, str]:
    """Enter records of a unit in the course's gradebook and write the marked notebook of each learner.

    handed_in: the submissions that the records are of; by default those in nbgrader's folder. key: the course's, by
    default from its file. Returns the learners whose record was refused, and why: a signature that is not the course's,
    another unit, an older version of it, or a submission that is not the one that was graded.

    A unit that the gradebook does not know is entered first. One transaction a learner, and the notebook after it: cut
    off anywhere, a second call completes what is missing and doubles nothing. A score that a person gave stays; it is
    marked for another look where the automatic score has changed or there is a new submission to look at. Raises
    GradebookError where the gradebook holds another version of the unit, sqlalchemy's errors where there is none.
    """
    assignment = load_assignment(course, unit)
    key = course_key(places.key_file(course)) if key is None else key
    if handed_in is None:
        folder = places.submitted_folder(course)
        handed_in = submissions(folder, unit) if folder.is_dir() else ()
    by_learner = {submission.learner: submission for submission in handed_in}
    refused = {}
    with Book(course, assignment) as book:
        for record in records:
            submission = by_learner.get(record.learner)
            reason = _why_not(record, submission, assignment, key)
            if reason or submission is None:
                refused[record.learner] = reason
                continue
            marked = mark(assignment, submission, record)
            path = places.autograded(course, unit, record.learner)
            book.enter(record, marked, seen=marked_with(path)[1] == record.submission_sha256)
            _write(path, marked, places.submitted(course, unit, record.learner))
    return refused


def _why_not(record: Record, submission: Submission | None, assignment: Assignment, key: bytes) -> str:
    """Why this record is not entered; "" where nothing speaks against it."""
    if not verify(record, key):
        return "the record is not signed with this course's key, or was changed afterwards: grade the submission again"
    if record.unit != assignment.unit:
        return f"the record is one of {record.unit}"
    if record.assignment_sha256 != assignment.sha256:
        return "it was graded against another version of the unit: grade it again"
    if submission is None:
        return "the submission that the record is of is not there"
    data = submission.data
    if record.submission_sha256 != (None if data is None else hashlib.sha256(data).hexdigest()):
        return "the submission has changed since it was graded: grade it again"
    if len(record.learner) > LONGEST_ID:
        return f"the gradebook takes names of at most {LONGEST_ID} characters, and this one has {len(record.learner)}"
    return ""


def _write(path: Path, marked: Marked, submitted: Path) -> None:
    """Put the marked notebook in its place, whole or not at all, and beside it when it was handed in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if timestamp(submitted) is not None:
        _replace(path.parent / TIMESTAMP, (submitted / TIMESTAMP).read_bytes())
    _replace(path, to_bytes(marked.notebook))


def _replace(path: Path, content: bytes) -> None:
    if path.is_file() and path.read_bytes() == content:
        return
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".marked.")
    try:
        with open(descriptor, "wb") as file:
            file.write(content)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
