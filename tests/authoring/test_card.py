"""The card of progress: in learners' notebooks, at the top, skipped by grading, and in no solved notebook."""

import shutil

import nbformat

from kdtutor.authoring import build_learner_notebooks
from kdtutor.authoring.card import CARD_ID
from kdtutor.authoring.execute import execute
from kdtutor.grading.assignment import runs_while_grading
from tests.authoring.conftest import UNIT, lay_out


def cells(path):
    return nbformat.read(path, as_version=4).cells


def test_the_card_stands_behind_the_first_cell_of_the_learner_s_notebook_and_nowhere_in_the_solved_one(built_once):
    learner, solved = cells(built_once.learner_notebook(UNIT)), cells(built_once.solved_notebook(UNIT))
    assert [cell.id for cell in learner[1:2]] == [CARD_ID]
    assert learner[1].source == f'from kdtutor.checks import progress_card\n\nprogress_card("{UNIT}", ["double"])'
    assert [cell.id for cell in learner if cell.id != CARD_ID] == [cell.id for cell in solved]


def test_a_unit_without_exercises_has_no_card(tmp_path):
    course = lay_out(tmp_path, "# %%\nx = 1\n")
    build_learner_notebooks(tmp_path)
    assert CARD_ID not in [cell.id for cell in cells(course.learner_notebook(UNIT))]


def test_grading_runs_of_the_card_its_import_alone(built_once):
    card = cells(built_once.learner_notebook(UNIT))[1]
    assert runs_while_grading(card) == "from kdtutor.checks import progress_card"


def test_the_card_shows_nothing_of_this_machine_where_a_build_runs_it(built_once, tmp_path):
    notebook = nbformat.read(built_once.learner_notebook(UNIT), as_version=4)
    notebook.cells = notebook.cells[:2]
    ran = execute(notebook, shutil.copytree(built_once.released / UNIT, tmp_path / UNIT))
    assert ran.cells[1].execution_count == 1
    assert ran.cells[1].outputs == []
