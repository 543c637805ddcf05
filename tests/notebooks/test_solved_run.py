"""A solved notebook, cell by cell through nbval as a grader runs it: no cell raises, so every check passes.

Experiments are left out but for their imports: the learners' notebooks hold the same ones and run them whole.
"""

import os
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from kdtutor.authoring.layout import Course
from kdtutor.grading.assignment import graded_units, imports
from kdtutor.grading.handed_in.cell_roles import is_check, is_experiment

COURSE = Course.of(Path(__file__))


@pytest.mark.parametrize("unit", graded_units(COURSE))
def test_no_cell_of_a_solved_notebook_raises_where_a_check_that_does_not_pass_would(unit, tmp_path):
    notebook = nbformat.read(COURSE.solved_notebook(unit), as_version=4)
    for cell in notebook.cells:
        if is_experiment(cell):
            cell.source = imports(cell.source)
    path = tmp_path / f"{unit}.ipynb"
    nbformat.write(notebook, path)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "--nbval-lax", "-q", "-p", "no:cacheprovider", path.name],
        cwd=tmp_path,
        env=os.environ | {"NBGRADER_EXECUTION": "autograde"},
        capture_output=True,
        text=True,
        timeout=290,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3000:]
    assert f"{sum(cell.cell_type == 'code' for cell in notebook.cells)} passed" in run.stdout
    assert any(is_check(cell) for cell in notebook.cells)
