"""nbgrader's gradebook, opened for one unit: records are entered here, one transaction a learner."""

import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from nbgrader import api
from nbgrader.preprocessors import AssignLatePenalties
from nbgrader.utils import is_locked, is_solution, parse_utc
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, OperationalError, SAWarning
from sqlalchemy.orm import Session

from kdtutor.authoring.gradebook import make_gradebook
from kdtutor.authoring.layout import Course
from kdtutor.authoring.release import generate_assignment
from kdtutor.grading import places
from kdtutor.grading.assignment import Assignment
from kdtutor.grading.gradebook.marked import Marked
from kdtutor.grading.records.record import Record

LONGEST_ID = 128  # characters that nbgrader's database has for a learner's name
TRIES = 4
TIMESTAMP = "timestamp.txt"
NO_RESPONSE = "No response."  # nbgrader's words for an exercise that nothing was done about


class GradebookError(RuntimeError):
    """A gradebook that nothing of this unit can be entered in; the message says what to do."""


class Book:
    """The gradebook of a course, opened for one unit. Use it in a `with` block."""

    def __init__(self, course: Course, assignment: Assignment) -> None:
        self._course, self._assignment = course, assignment
        self._penalties = AssignLatePenalties(config=course.config)
        self._penalties.init_plugin()
        with _nbgraders_own_warnings():
            make_gradebook(course.gradebook)
            self._book = api.Gradebook(course.gradebook)
            try:
                self._cells = self._cells_of_unit()
            except BaseException:
                self._book.close()
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._book.close()

    def enter(self, record: Record, marked: Marked, *, seen: bool) -> None:
        """Enter one record in one transaction.

        seen: whether what a person has given scores for so far was this same submission.
        """
        with _nbgraders_own_warnings():
            for attempt in range(TRIES):
                try:
                    with self._book.db() as session, session.begin():
                        self._enter(session, record, marked, seen)
                    return
                except (IntegrityError, OperationalError) as error:  # somebody else writes at the same moment
                    locked = isinstance(error, IntegrityError) or "locked" in str(error)
                    if not locked or attempt == TRIES - 1:
                        raise
                    time.sleep(0.1 * 2**attempt)

    def _enter(self, session: Session, record: Record, marked: Marked, seen: bool) -> None:
        notebook = self._submitted_notebook(session, record.learner)
        earned = {
            name: None if check.verdict == "not-graded" else check.earned
            for name in self._assignment.exercise_of
            for check in record.checks
            if check.name == self._assignment.in_records(name)
        }
        of_person = dict.fromkeys(self._cells.graded.keys() - earned.keys())
        automatic = earned | {name: 0.0 if name in marked.untouched else None for name in of_person}
        grades = {grade.cell_id: grade for grade in notebook.grades}
        for name, cell_id in self._cells.graded.items():
            _grade(grades[cell_id], automatic[name], seen)
        comments = {comment.cell_id: comment for comment in notebook.comments}
        for name, cell_id in self._cells.solutions.items():
            comments[cell_id].auto_comment = NO_RESPONSE if name in marked.untouched else None
        self._time(session, notebook, record.learner)

    def _submitted_notebook(self, session: Session, learner: str) -> Any:
        """The learner's notebook in the book with a row for each cell, made where there are none yet."""
        unit = session.scalars(select(api.Assignment).where(api.Assignment.name == self._assignment.unit)).one()
        student = session.get(api.Student, learner)
        if student is None:
            student = api.Student(id=learner)
            session.add(student)
        whose = select(api.SubmittedAssignment).filter_by(assignment_id=unit.id, student_id=learner)
        submission = session.scalars(whose).one_or_none()
        if submission is None:
            submission = api.SubmittedAssignment(assignment=unit, student=student)
            session.add(submission)
        found = {notebook.notebook_id: notebook for notebook in submission.notebooks}
        notebook = found.get(self._cells.notebook_id)
        if notebook is None:
            notebook = api.SubmittedNotebook(notebook_id=self._cells.notebook_id, assignment=submission)
            session.add(notebook)
        for kind, rows, cells in (
            (api.Grade, notebook.grades, self._cells.graded),
            (api.Comment, notebook.comments, self._cells.solutions),
        ):
            for cell_id in set(cells.values()) - {row.cell_id for row in rows}:
                session.add(kind(cell_id=cell_id, notebook=notebook))
        session.flush()
        return notebook

    def _time(self, session: Session, notebook: Any, learner: str) -> None:
        """When it was handed in, as far as nbgrader's folder says, and what being late costs by the course's rule."""
        submission = notebook.assignment
        handed_in = timestamp(places.submitted(self._course, self._assignment.unit, learner))
        if handed_in is not None:
            submission.timestamp = handed_in
        session.flush()
        session.refresh(notebook, ["score"])
        late = submission.total_seconds_late if submission.assignment.duedate else 0
        penalty = None
        if late > 0:
            penalty = self._penalties.plugin_inst.late_submission_penalty(learner, notebook.score, late)
        notebook.late_submission_penalty = None if penalty is None else min(max(0.0, penalty), notebook.score)

    def _cells_of_unit(self) -> "_Cells":
        """The unit's cells; a unit that is not in the book, or only in part, is entered first.

        GradebookError where the book holds another version of it and somebody has scores of that one.
        """
        unit = self._assignment.unit
        with self._book.db() as session:
            cells = self._same_cells(session)
            scores = select(api.SubmittedAssignment).join(api.Assignment).where(api.Assignment.name == unit)
            entered = session.scalars(scores.limit(1)).first() is not None
        if cells is None and not entered:
            enter_unit(self._course, unit)
            with self._book.db() as session:
                cells = self._same_cells(session)
        if cells is None:
            raise GradebookError(
                f"the gradebook holds another version of {unit}, with other checks or points: run `kdtutor build"
                f" {unit}`, or start a new gradebook where scores of the other version are in it"
            )
        return cells

    def _same_cells(self, session: Session) -> "_Cells | None":
        """The cells of the unit in the book; None where they are not those of the assignment, all of them.

        nbgrader enters them one by one, those with a source last.
        """
        unit, released = self._assignment.unit, self._assignment.released
        found = select(api.Notebook).join(api.Assignment).where(api.Assignment.name == unit)
        notebook = session.scalars(found.where(api.Notebook.name == unit)).one_or_none()
        if notebook is None:
            return None
        sources = {cell.metadata.nbgrader.grade_id for cell in released.cells if is_locked(cell) or is_solution(cell)}
        points = {cell.name: cell.max_score for cell in notebook.grade_cells}
        if sources != {cell.name for cell in notebook.source_cells} or self._assignment.points.items() - points.items():
            return None
        return _Cells(
            notebook_id=notebook.id,
            graded={cell.name: cell.id for cell in notebook.grade_cells},
            solutions={cell.name: cell.id for cell in notebook.solution_cells},
        )


@dataclass(frozen=True)
class _Cells:
    """The unit's notebook in the book: its id, and those of its cells by grade id."""

    notebook_id: str
    graded: Mapping[str, str]
    solutions: Mapping[str, str]


def _grade(grade: Any, automatic: float | None, seen: bool) -> None:
    """The automatic score of a cell. It waits for a person where there is none, or where it overtakes a person's."""
    news = grade.auto_score != automatic or (automatic is None and not seen)
    grade.auto_score = automatic
    if news:
        grade.needs_manual_grade = automatic is None or grade.manual_score is not None


def enter_unit(course: Course, unit: str) -> None:
    """Make the unit known to the gradebook, as building it does, from the notebooks that were built.

    FileNotFoundError where it was not built, ReleaseError where nbgrader refuses.
    """
    solved = course.solved_notebook(unit)
    if not solved.is_file():
        raise FileNotFoundError(f"{course.named(solved)} is not there: run `kdtutor build {unit}` first")
    with tempfile.TemporaryDirectory() as stage:
        copy = Path(stage) / solved.relative_to(course.root)
        copy.parent.mkdir(parents=True)
        shutil.copyfile(solved, copy)
        generate_assignment(Path(stage).resolve(), unit, course.config, course.gradebook)


def timestamp(folder: Path) -> datetime | None:
    """When nbgrader collected the submission, UTC; None where it does not say so in a way that can be read."""
    path = folder / TIMESTAMP
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > 200:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of time zones that nobody knows
            return parse_utc(path.read_text(encoding="utf-8").strip())
    except (OSError, ValueError, OverflowError, TypeError):
        return None


@contextmanager
def _nbgraders_own_warnings() -> Iterator[None]:
    """nbgrader's models make SQLAlchemy warn at every use; that is nothing to tell anyone."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)
        yield
