"""Cells of the learner's own stay where they stood, count as work, and claim nothing."""

from nbformat import NotebookNode

from tests.grading.small_notebook import DOUBLE, RELEASED, TRIPLE, assert_safe, cell, handed_in, rebuilt, text


def test_added_cells_stand_where_they_stood():
    def change(cells):
        cells.insert(3, cell("code", "import numpy as np", "x"))
        cells.insert(8, cell("markdown", "A note.", "y"))
        cells.insert(0, cell("code", "first = 1", "z"))
        cells.append(cell("code", "last = 1", "w"))

    result = rebuilt(change)
    assert_safe(result)
    assert text(result) == [each.source for each in handed_in(change).cells]
    assert result.repairs == ()
    assert [each.id for each in result.notebook.cells if each.id.startswith("added")] == [
        f"added-{number}" for number in range(1, 5)
    ]


def test_an_added_cell_follows_its_neighbour_to_its_old_place():
    def change(cells):
        solution = cells.pop(6)
        cells[0:0] = [solution, cell("code", "helper = 1", "x")]

    sources = text(rebuilt(change))
    assert sources.index("helper = 1") == sources.index(TRIPLE) + 1


def test_a_raw_cell_of_the_learner_becomes_text_because_pages_show_raw_cells_unescaped():
    result = rebuilt(lambda cells: cells.append(NotebookNode(cell_type="raw", source="<script>", metadata={})))
    assert result.notebook.cells[-1].cell_type == "markdown"


def test_a_changed_ordinary_cell_follows_the_released_one():
    result = rebuilt(lambda cells: cells[1].update(source="import math, cmath"))
    assert_safe(result)
    assert text(result)[1:3] == ["import math", "import math, cmath"]
    assert result.repairs == ()


def test_a_changed_experiment_stays_one_that_grading_does_not_run():
    result = rebuilt(lambda cells: cells[2].update(source="train_for_hours()"))
    assert_safe(result)
    (own,) = [each for each in result.notebook.cells if each.source == "train_for_hours()"]
    assert own.metadata.tags == ["experiment"]
    assert result.repairs == (
        "One experiment had been changed: grading runs no experiment, so nothing may rest on one.",
    )


def test_an_added_cell_cannot_claim_to_be_an_experiment():
    result = rebuilt(lambda cells: cells.append(cell("code", "y = 1", "mine", tags=["experiment", "skip-execution"])))
    assert result.notebook.cells[-1].metadata == {"kdtutor": {"added": True}}


def test_a_stub_that_comes_back_stands_before_the_work_that_replaced_it():
    """The exercise's cell deleted, its name defined in a way that only running tells."""

    def change(cells):
        cells[3] = cell("code", "double, half = lambda x: 2 * x, lambda x: x / 2", "mine")

    result = rebuilt(change)
    stub, work, check = (
        text(result).index(source)
        for source in (RELEASED.cells[3].source, handed_in(change).cells[3].source, "check(double)")
    )
    assert stub < work < check
    assert "double" not in result.untouched


def test_work_stands_before_the_check_even_where_exercise_and_check_are_both_gone():
    def change(cells):
        cells[3:5] = [cell("code", "double, half = lambda x: 2 * x, lambda x: x / 2", "mine")]

    sources = text(rebuilt(change))
    stub, work = sources.index(RELEASED.cells[3].source), sources.index(handed_in(change).cells[3].source)
    assert stub < work < sources.index("check(double)")


def test_the_name_of_an_exercise_in_other_letters_that_python_takes_for_the_same_counts_as_work():
    def change(cells):
        cells[3].source = RELEASED.cells[3].source
        cells.insert(4, cell("code", "ｄｏｕｂｌｅ = lambda x: 2 * x", "mine"))

    assert "double" not in rebuilt(change).untouched


def test_work_in_an_own_cell_is_not_called_untouched():
    def change(cells):
        cells[3].source = RELEASED.cells[3].source
        cells.insert(4, cell("code", DOUBLE, "mine"))

    assert "double" not in rebuilt(change).untouched


def test_an_exercise_that_nothing_of_the_learner_s_mentions_is_untouched():
    result = rebuilt(lambda cells: cells[3].update(source=RELEASED.cells[3].source + "\n\n"))
    assert result.untouched == {"double", "why"}
