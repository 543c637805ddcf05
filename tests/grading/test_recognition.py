"""Which cell is which: every exercise finds the work that was meant for it, and nothing takes the place of a check."""

from copy import deepcopy

from nbformat import NotebookNode

from kdtutor.grading.handed_in.submission import MOST_ADDED
from tests.grading.small_notebook import DOUBLE, RELEASED, assert_safe, by_id, cell, handed_in, rebuilt, text


def test_a_cell_that_claims_a_check_s_grade_id_never_replaces_the_check():
    def change(cells):
        forged = deepcopy(cells[4])
        forged.source, forged.id = "print('mine')", "mine"
        cells.insert(0, forged)

    result = rebuilt(change)
    assert_safe(result)
    assert by_id(result, "check_double").source == "check(double)"


def test_of_two_solutions_the_first_counts_and_the_second_becomes_a_plain_cell():
    def change(cells):
        second = deepcopy(cells[3])
        second.source, second.id = "def double(x):\n    return 0", "again"
        cells.insert(5, second)

    result = rebuilt(change)
    assert_safe(result)
    assert by_id(result, "double").source == DOUBLE
    assert text(result).index("def double(x):\n    return 0") == 5
    assert result.repairs == (
        "The cell double stood there 2 times: the first that you worked on counts, the others are cells of your own.",
    )


def test_a_copy_of_the_empty_exercise_in_front_of_the_solved_one_costs_nothing():
    result = rebuilt(lambda cells: cells.insert(3, NotebookNode(deepcopy(RELEASED.cells[3]), id="copy")))
    assert_safe(result)
    assert by_id(result, "double").source == DOUBLE
    assert "double" not in result.untouched


def test_ten_thousand_copies_make_one_sentence():
    result = rebuilt(lambda cells: cells.extend([cells[4]] * 10_000))
    assert_safe(result)
    assert len(result.notebook.cells) == len(RELEASED.cells) + MOST_ADDED
    assert len(result.repairs) == 2
    assert "10001 times" in result.repairs[0]
    assert result.repairs[1] == f"{10_000 - MOST_ADDED} cells of your own were left out: at most 1000 are graded."


def test_a_cell_under_another_unit_s_marks_is_a_plain_cell():
    def change(cells):
        cells.append(cell("code", "print(1)", "soften", points=50))

    result = rebuilt(change)
    assert_safe(result)
    assert result.notebook.cells[-1].source == "print(1)"
    assert result.repairs == ("One cell carried marks that mean nothing in this unit: taken as your own.",)


def without_marks(cells: list[NotebookNode]) -> None:
    for number, each in enumerate(cells):
        each.metadata = {}
        each.id = f"new-{number}"


def test_a_notebook_whose_marks_and_ids_are_lost_keeps_its_solutions():
    result = rebuilt(without_marks)
    assert_safe(result)
    assert text(result) == [each.source for each in handed_in().cells]
    assert result.repairs == (
        "The cell double had lost its marks: it was recognised by what it defines.",
        "The cell triple had lost its marks: it was recognised by what it defines.",
    )


def test_a_notebook_whose_marks_are_lost_is_recognised_by_its_cell_ids():
    def change(cells):
        for each in cells:
            each.metadata = {}
        cells[8].source = "Because."

    result = rebuilt(change)
    assert by_id(result, "why").source == "Because."
    assert result.repairs == ()


def test_a_cell_id_taken_from_a_check_replaces_nothing():
    def change(cells):
        del cells[4]
        cells.insert(0, cell("code", "print('mine')", "check_double"))
        cells[0].metadata = {}

    result = rebuilt(change)
    assert_safe(result)


def test_a_copy_of_one_exercise_never_stands_for_another():
    def change(cells):
        cells[6] = NotebookNode(deepcopy(cells[3]), id="triple", source="def wrong(x):\n    return 0")

    assert by_id(rebuilt(change), "triple").source == RELEASED.cells[6].source
