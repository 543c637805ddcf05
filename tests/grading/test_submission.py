"""Rebuilding: the released notebook with the learner's text, whatever was handed in."""

import json
from copy import deepcopy
from pathlib import Path

import nbformat
import pytest

from kdtutor.grading.handed_in.submission import Unreadable, rebuild
from tests.grading.small_notebook import DOUBLE, RELEASED, assert_safe, by_id, cell, handed_in, rebuilt, text, written

COURSE = Path(__file__).resolve().parents[2] / "course"


def test_an_ordinary_submission_gives_the_released_notebook_with_the_solutions_and_no_repairs():
    result = rebuilt()
    assert_safe(result)
    assert text(result) == [each.source for each in handed_in().cells]
    assert result.repairs == ()
    assert result.untouched == {"why"}


def test_the_released_notebook_itself_is_untouched_and_needs_no_repair():
    before = deepcopy(RELEASED)
    result = rebuild(RELEASED, written(RELEASED))
    assert (result.notebook, result.repairs) == (RELEASED, ())
    assert result.untouched == {"double", "triple", "why"}
    assert before == RELEASED


@pytest.mark.parametrize("unit", sorted(path.name for path in COURSE.iterdir() if path.is_dir()))
def test_every_unit_of_the_course_survives_the_round_trip(unit):
    released = nbformat.read(COURSE / unit / f"{unit}.ipynb", as_version=4)
    result = rebuild(released, (COURSE / unit / f"{unit}.ipynb").read_bytes())
    assert_safe(result, released)
    assert (result.notebook.cells, result.repairs) == (released.cells, ())


def test_tags_metadata_outputs_and_attachments_stay_behind():
    def change(cells):
        for each in cells:
            each.metadata.tags = ["skip-execution", "experiment", "raises-exception"]
            each.metadata["jupyter"] = {"source_hidden": True}
            each["attachments"] = {"x.png": {"image/png": "AAAA"}}
            if each.cell_type == "code":
                each.outputs = [{"output_type": "stream", "name": "stdout", "text": "forged"}]
                each.execution_count = 7

    notebook = handed_in(change)
    notebook.metadata["kernelspec"] = {"name": "forged", "display_name": "forged"}
    result = rebuild(RELEASED, written(notebook))
    assert_safe(result)
    assert "forged" not in json.dumps(result.notebook)
    assert "attachments" not in json.dumps(result.notebook)


def test_a_changed_check_is_restored_and_the_learner_told():
    result = rebuilt(lambda cells: cells[4].update(source="assert True"))
    assert_safe(result)
    assert "assert True" not in text(result)
    assert result.repairs == ("The cell check_double is read-only: what was changed in it has been undone.",)


def test_a_read_only_cell_that_is_no_check_is_restored_too():
    result = rebuilt(lambda cells: cells[9].update(source="TOOLS = 2"))
    assert "TOOLS = 2" not in text(result)
    assert result.repairs == ('The cell that begins "TOOLS = 1" is read-only: what was changed in it has been undone.',)


def test_a_check_whose_marks_say_solution_stays_a_check():
    def change(cells):
        cells[4].metadata.nbgrader.update(solution=True, grade=False, locked=False, points=100)
        cells[4].source = "pass"

    result = rebuilt(change)
    assert_safe(result)
    assert by_id(result, "check_double").source == "check(double)"


def test_missing_cells_come_back():
    result = rebuilt(lambda cells: cells.__delitem__(slice(4, 7)))
    assert_safe(result)
    assert result.untouched == {"triple", "why"}
    assert set(result.repairs) == {
        "The cell check_double was missing or empty: it is back as it was handed out.",
        "The cell triple was missing or empty: it is back as it was handed out.",
        "One cell that came with the unit had gone or could not be recognised: put back.",
    }


def test_an_emptied_exercise_is_its_stub_again():
    result = rebuilt(lambda cells: cells[3].update(source=" \n"))
    assert by_id(result, "double").source == RELEASED.cells[3].source
    assert "double" in result.untouched


@pytest.mark.parametrize("kind", ["markdown", "raw", "heading", "", None, 7])
def test_a_retyped_exercise_is_code_again(kind):
    result = rebuilt(lambda cells: cells[3].update(cell_type=kind))
    assert_safe(result)
    assert by_id(result, "double").source.endswith(DOUBLE)
    assert any("it is a code cell again" in sentence for sentence in result.repairs)


def test_a_retyped_check_is_code_again():
    result = rebuilt(lambda cells: cells[4].update(cell_type="markdown"))
    assert_safe(result)
    assert result.repairs == ("The cell check_double is read-only: what was changed in it has been undone.",)


def test_a_retyped_answer_is_text_again():
    def change(cells):
        cells[8].update(cell_type="code", source="Because.", outputs=[], execution_count=None)

    result = rebuilt(change)
    assert_safe(result)
    assert by_id(result, "why").source == "Because."
    assert "why" not in result.untouched


def test_moved_cells_are_back_in_the_unit_s_order():
    result = rebuilt(lambda cells: cells.reverse())
    assert_safe(result)
    assert text(result) == [each.source for each in handed_in().cells]
    assert result.repairs == ("Cells of the unit had been moved: they are back in the unit's order.",)


def test_an_exercise_is_taken_as_it_was_typed():
    typed = f"\n\t# mine  \n{DOUBLE}\n\n"
    assert by_id(rebuilt(lambda cells: cells[3].update(source=typed)), "double").source == typed


def test_outputs_of_the_released_notebook_are_cleared():
    executed = deepcopy(RELEASED)
    executed.cells[1].outputs = [nbformat.v4.new_output("stream", text="hello")]
    executed.cells[1].execution_count = 1
    assert rebuild(executed, written(handed_in())).notebook.cells == rebuilt().notebook.cells


def test_the_notebook_of_another_unit_is_refused():
    other = nbformat.v4.new_notebook(cells=[cell("code", "def entropy(p):\n    ...", "entropy", solution=True)])
    with pytest.raises(Unreadable, match="another unit"):
        rebuild(RELEASED, written(other))


def test_a_released_notebook_without_graded_cells_takes_any_notebook():
    plain = nbformat.v4.new_notebook(cells=[cell("markdown", "Welcome.", "hello")])
    assert rebuild(plain, b'{"cells": []}').notebook.cells == plain.cells
