"""A class in which everything is handed in that nbgrader could stumble over, and the points that each deserves."""

import json
from copy import deepcopy

import nbformat
import pytest

from kdtutor.authoring.notebook import to_bytes
from kdtutor.grading.sandbox import probe
from tests.grading.small_class import NBGRADER_WARNS
from tests.grading.small_course import RIGHT, UNIT, WRITTEN, hand_in, notebook

BY_NBGRADER = [
    NBGRADER_WARNS,
    pytest.mark.skipif(not [t for t in probe() if t.works and t.name != "none"], reason="no sandbox works here"),
]
LATE = "2026-11-20 10:00:00 UTC"


def right(course):
    return notebook(course, **RIGHT, **WRITTEN)


def warning(course):
    new = right(course)
    new.cells.insert(1, nbformat.v4.new_code_cell("import sys, warnings\nwarnings.warn('careful')", id="mine"))
    cell = next(cell for cell in new.cells if cell.id == "double")
    cell.source = "def double(number):\n    print('doubling', file=sys.stderr)\n    return number * 2"
    return new


def with_a_copied_check(course):
    new = right(course)
    new.cells += [deepcopy(cell) for cell in new.cells if cell.id == "check_double"]
    new.cells[-1].id = "copied"
    return new


def without_checks(course):
    new = notebook(course, double=RIGHT["double"])
    new.cells = [cell for cell in new.cells if not cell.id.startswith("check_")]
    return new


def with_marks_of_tomorrow(course):
    """Marks of a version that is still to come stop nbgrader for everybody."""
    new = right(course)
    for cell in new.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader.schema_version = 99
    return new


def skipping_its_checks(course):
    new = notebook(course, double="def double(number): return 0", triple="def triple(n): return 0")
    for cell in new.cells:
        if cell.id.startswith("check_"):
            cell.metadata.tags = ["experiment", "skip-execution"]
            cell.metadata.nbgrader.points = 100
            cell.outputs = []
    return new


def of_format_3(course):
    cells = [
        {
            "cell_type": "code",
            "input": cell.source,
            "outputs": [],
            "metadata": dict(cell.metadata),
            "language": "python",
        }
        for cell in right(course).cells
        if cell.cell_type == "code"
    ]
    return json.dumps({"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": cells}]}).encode()


NOTEBOOKS = {
    "right": right,
    "warns": warning,
    "half-right": lambda course: notebook(course, double=RIGHT["double"], triple="def triple(n): return n"),
    "untouched": lambda course: notebook(course),
    "syntax-error": lambda course: notebook(course, double="def double(number) return", triple=RIGHT["triple"]),
    "copied-check": with_a_copied_check,
    "without-checks": without_checks,
    "marks-of-tomorrow": with_marks_of_tomorrow,
    "skips-its-checks": skipping_its_checks,
}
BYTES = {
    "empty": b"",
    "garbage": b"\xff\xfe no notebook \x00",
    "cut-off": b'{"cells": [{"cell_type": "code", "sou',
    "a-number": b"17",
    "of-another-unit": b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}',
}
SCORES = {
    "right": 3,
    "warns": 3,
    "half-right": 2,
    "untouched": 0,
    "syntax-error": 1,
    "copied-check": 3,
    "without-checks": 2,
    "marks-of-tomorrow": 3,
    "skips-its-checks": 0,
    "format-3": 3,
    "misnamed": 3,
    **dict.fromkeys([*BYTES, "a-folder", "a-link", "linked-folder", "linked-learner"], 0),
}
NOT_GRADED = {*BYTES, "a-folder", "a-link", "linked-folder", "linked-learner"}


def the_class(course):
    for learner, made in NOTEBOOKS.items():
        hand_in(course, learner, to_bytes(made(course)), timestamp=LATE)
    for learner, data in {**BYTES, "format-3": of_format_3(course)}.items():
        hand_in(course, learner, data, timestamp=LATE)
    hand_in(course, "misnamed", to_bytes(right(course)), timestamp=LATE, name=f"{UNIT} (1)")
    submitted = course.root / "grading" / "submitted"
    (submitted / "a-folder" / UNIT / f"{UNIT}.ipynb").mkdir(parents=True)
    (submitted / "a-link" / UNIT).mkdir(parents=True)
    (submitted / "a-link" / UNIT / f"{UNIT}.ipynb").symlink_to(submitted / "right" / UNIT / f"{UNIT}.ipynb")
    (submitted / "linked-folder").mkdir()
    (submitted / "linked-folder" / UNIT).symlink_to(submitted / "right" / UNIT)
    (submitted / "linked-learner").symlink_to(submitted / "right")
    return course
