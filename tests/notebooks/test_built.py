"""The committed notebooks are what the text sources build, and nothing of a solution is in what learners get."""

from pathlib import Path

import nbformat
import pytest

from kdtutor.authoring import Course, check_built, leaks
from kdtutor.checks import exercises_by_unit

ROOT = Path(__file__).resolve().parents[2]
COURSE = Course.of(ROOT)


def test_both_notebook_trees_are_what_the_sources_build():
    assert check_built(ROOT) == []


@pytest.mark.parametrize("unit", COURSE.units)
def test_no_solution_and_no_hidden_test_reaches_a_learner(unit):
    assert leaks(unit, ROOT) == []
    assert not list(COURSE.learner_notebook(unit).parent.rglob("*.py"))


@pytest.mark.parametrize("unit", COURSE.units)
def test_every_exercise_of_a_unit_has_its_entry_among_the_checks_in_the_same_order(unit):
    notebook = nbformat.read(COURSE.learner_notebook(unit), as_version=4)
    marks = [cell.metadata.get("nbgrader", {}) for cell in notebook.cells]
    asked = [m["grade_id"] for m in marks if m.get("solution") and not m.get("grade")]
    assert asked == list(exercises_by_unit().get(unit, {}))


@pytest.mark.parametrize("unit", COURSE.units)
def test_the_points_that_the_contract_promises_are_the_points_there_are(unit):
    notebook = nbformat.read(COURSE.learner_notebook(unit), as_version=4)
    points = sum(cell.metadata.get("nbgrader", {}).get("points", 0) for cell in notebook.cells)
    contract = next(cell.source for cell in notebook.cells if "| Points |" in cell.source)
    assert f"| Points | {points:g} |" in contract
