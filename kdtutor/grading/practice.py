"""A learner's own run of all visible checks, as the grader would run them.

The same rebuild and the same examination, in the same sandbox where this machine has one. What is missing is what a
learner does not have: the hidden tests, and the course's key, so that other inputs are drawn than when it counts.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.utils import compute_checksum

from kdtutor.authoring.layout import Course
from kdtutor.grading.assignment import Assignment, assignment_of
from kdtutor.grading.grade import Grader
from kdtutor.grading.handed_in.cell_roles import grade_id, is_check, is_solution, marks
from kdtutor.grading.handed_in.intake import Submission
from kdtutor.grading.handed_in.submission import Unreadable, rebuild
from kdtutor.grading.handed_in.submitted_cells import read_cells
from kdtutor.grading.records.record import Record
from kdtutor.grading.sandbox import Tier, best

KEY = bytes(32)  # everybody's: it signs nothing that counts
YOU = "you"
ELSEWHERE = (
    "`kdtutor check` runs your notebook as the grader does, which needs Linux. Here, run this in the notebook:"
    " from kdtutor.checks import check_all; check_all()"
)


@dataclass(frozen=True)
class Practice:
    """What a run found. answers: those that a person will mark, and whether anything was written."""

    record: Record
    answers: Mapping[str, bool]


def practise(course: Course, unit: str, notebook: Path | None = None, *, tier: Tier | None = None) -> Practice:
    """Run every visible check of a unit on a notebook, by default the course's own of that unit.

    FileNotFoundError where there is none; ValueError, in words, for a file that is none of this unit; RuntimeError on a
    system where the grader does not run.
    """
    own = course.learner_notebook(unit)
    path = notebook or own
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there: {_what_there_is(course, unit)}")
    if sys.platform != "linux":
        raise RuntimeError(ELSEWHERE)
    data = path.read_bytes()
    released = as_handed_out(_read(own if own.is_file() else path))
    assignment = visible(unit, released)
    rebuilt = rebuild(assignment.released, data)
    with Grader(assignment, KEY, tier=tier or best(trusted=True)) as grader:
        record = grader.grade(Submission(YOU, path.name, data))
    by_hand = [grade_id(cell) or "" for cell in released.cells if is_solution(cell) and marks(cell).get("grade")]
    return Practice(record, {name: name not in rebuilt.untouched for name in by_hand})


def as_handed_out(notebook: NotebookNode) -> NotebookNode:
    """The notebook as it was handed out, from one that may have been worked on, as far as its checksums tell.

    nbgrader keeps a checksum in each cell that counts. A solution that differs from its own becomes empty, for nobody
    knows how its stub read; a check that differs becomes the plain check of its exercise. Copies of a cell stay out.
    """
    cells: list[NotebookNode] = []
    seen: set[str] = set()
    for cell in notebook.cells:
        name = grade_id(cell)
        if name in seen:
            continue
        if name:
            seen.add(name)
            if marks(cell).get("checksum") != compute_checksum(cell):
                if is_solution(cell):
                    cell.source = ""
                elif is_check(cell):
                    exercise = cell.metadata.get("kdtutor", {}).get("check", name)
                    cell.source = f"from kdtutor.checks import check\n\ncheck({exercise})"
        cells.append(cell)
    return NotebookNode(notebook, cells=cells)


def visible(unit: str, released: NotebookNode) -> Assignment:
    """The unit with the tests that learners see. ValueError where the notebook holds none."""
    tests = {name: cell.source for cell in released.cells if is_check(cell) and (name := grade_id(cell))}
    if not tests:
        raise ValueError(f"the notebook holds no check of {unit}: is it the notebook of another unit?")
    return assignment_of(unit, released, tests)


def _read(path: Path) -> NotebookNode:
    """The notebook in a file. Unreadable, with the sentence that a learner gets for it, where there is none."""
    try:
        return nbformat.read(path, as_version=4)
    except Exception:  # nbformat documents none and lets many pass
        read_cells(path.read_bytes())
        raise Unreadable(f"{path.name} is no notebook that can be read: save it again in JupyterLab.") from None


def _what_there_is(course: Course, unit: str) -> str:
    units = sorted(path.stem for path in course.released.glob("*/*.ipynb") if path.stem == path.parent.name)
    if unit in units:
        return "give the path of your notebook"
    return f"units are {', '.join(units)}" if units else "no unit is built here"
