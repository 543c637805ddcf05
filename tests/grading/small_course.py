"""A small course, built without running anything, and what learners hand in for it."""

import hashlib
import shutil
import sqlite3
import tempfile
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import nbformat

from kdtutor.authoring import Course, build_learner_notebooks, read_unit
from kdtutor.authoring.notebook import to_bytes, to_notebook
from kdtutor.grading.assignment import load_assignment
from kdtutor.grading.gradebook.enter import enter_unit
from kdtutor.grading.handed_in.intake import Submission
from kdtutor.grading.records.record import Check, Record, fingerprint, sign
from tests.authoring.conftest import TEXT, UNIT, lay_out

SECOND_EXERCISE = '''
# %% exercise="triple" difficulty=2 minutes=5
def triple(number):
    """Three times the number."""
    ### BEGIN SOLUTION
    return 3 * number
    ### END SOLUTION


# %% check="triple" points=1
assert triple(1) == 3, "three times one is three"
### BEGIN HIDDEN TESTS
assert triple(7) == 21, "it has to work for seven too"
### END HIDDEN TESTS
'''
HIDDEN = "triple(7) == 21"
KEY = bytes(range(32))
RIGHT = {"double": "def double(number):\n    return number * 2", "triple": "def triple(n):\n    return n + n + n"}
WRITTEN = {"why_double": "Because it is *twice*."}


@cache
def _template() -> Path:
    root = Path(tempfile.mkdtemp()).resolve()
    course = lay_out(root, TEXT + SECOND_EXERCISE)
    course.solved_notebook(UNIT).write_bytes(to_bytes(to_notebook(read_unit(course.source(UNIT)))))
    build_learner_notebooks(root)
    enter_unit(course, UNIT)
    return root


def small_course(root: Path) -> Course:
    """A course of one unit with two checks (2 points and 1) and two answers for a person (3 and 1.5) at `root`."""
    shutil.copytree(_template(), root, dirs_exist_ok=True)
    return Course.of(root)


def notebook(course: Course, **sources: str) -> Any:
    """The released notebook with these sources in the cells of these names."""
    new = deepcopy(nbformat.read(course.learner_notebook(UNIT), as_version=4))
    for cell in new.cells:
        cell.source = sources.get(cell.id, cell.source)
    return new


def hand_in(course: Course, learner: str, data: bytes, *, timestamp: str | None = None, name: str = UNIT) -> Submission:
    """Put the file where nbgrader collects them."""
    folder = course.root / "grading" / "submitted" / learner / UNIT
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.ipynb").write_bytes(data)
    if timestamp is not None:
        (folder / "timestamp.txt").write_text(timestamp)
    return Submission(learner, f"{learner}/{UNIT}/{name}.ipynb", data=data)


def record_of(course: Course, submission: Submission, **verdicts: str) -> Record:
    """A signed record that says `verdicts` of the exercises."""

    assignment = load_assignment(course, UNIT)
    checks = [
        Check(exercise, assignment.points[name], verdicts[exercise], message=f"what {exercise} <b>did</b>")
        for name, exercise in assignment.exercise_of.items()
    ]
    data = submission.data
    unsettled = data is None or "not-graded" in verdicts.values()
    return sign(
        Record(
            learner=submission.learner,
            unit=UNIT,
            status="needs-review" if unsettled else "graded",
            checks=checks,
            repairs=("A cell was put back.",),
            sandbox="bubblewrap",
            seed=fingerprint("a secret"),
            versions={"kdtutor": "1"},
            submission_sha256=None if data is None else hashlib.sha256(data).hexdigest(),
            assignment_sha256=assignment.sha256,
        ),
        KEY,
    )


def book(course: Course) -> dict[str, Any]:
    """All that the gradebook holds of each learner, without the ids that it makes up, read without nbgrader."""
    with sqlite3.connect(course.root / "grading" / "gradebook.db") as database:
        found: dict[str, Any] = {}
        for (learner,) in database.execute("select id from student"):
            found[learner] = {"submissions": [], "grades": {}, "comments": {}}
        for learner, timestamp, penalty in database.execute(
            "select a.student_id, a.timestamp, n.late_submission_penalty from submitted_assignment a"
            " join submitted_notebook n on n.assignment_id = a.id"
        ):
            found[learner]["submissions"].append((timestamp, penalty))
        whose = (
            " join base_cell c on c.id = x.cell_id join submitted_notebook n on n.id = x.notebook_id"
            " join submitted_assignment a on a.id = n.assignment_id"
        )
        for learner, cell, *grade in database.execute(
            "select a.student_id, c.name, x.auto_score, x.manual_score, x.extra_credit, x.needs_manual_grade"
            " from grade x" + whose
        ):
            assert cell not in found[learner]["grades"], "a grade stands twice"
            found[learner]["grades"][cell] = tuple(grade)
        for learner, cell, *comment in database.execute(
            "select a.student_id, c.name, x.auto_comment, x.manual_comment from comment x" + whose
        ):
            assert cell not in found[learner]["comments"], "a comment stands twice"
            found[learner]["comments"][cell] = tuple(comment)
    database.close()
    return found


def by_hand(course: Course, learner: str, cell: str, score: float) -> None:
    """A person gives a score, as the formgrader writes it."""
    with sqlite3.connect(course.root / "grading" / "gradebook.db") as database:
        changed = database.execute(
            "update grade set manual_score = ?, needs_manual_grade = 0 where id in (select x.id from grade x"
            " join base_cell c on c.id = x.cell_id join submitted_notebook n on n.id = x.notebook_id"
            " join submitted_assignment a on a.id = n.assignment_id where a.student_id = ? and c.name = ?)",
            (score, learner, cell),
        )
        assert changed.rowcount == 1
    database.close()
