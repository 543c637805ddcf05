"""Rebuilding: the released notebook with the learner's text, whatever was handed in."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat import NotebookNode

from kdtutor.grading.handed_in.submission import MOST_ADDED, Rebuilt, Unreadable, rebuild
from kdtutor.grading.handed_in.submitted_cells import LARGEST, read_cells

COURSE = Path(__file__).resolve().parents[2] / "course"


def cell(kind: str, source: str, cell_id: str, *, points: int | None = None, solution: bool = False, **metadata: Any):
    """A cell as nbgrader releases it; marked where it is graded, a solution or named `given`."""
    made = nbformat.from_dict({"cell_type": kind, "id": cell_id, "source": source, "metadata": dict(metadata)})
    if kind == "code":
        made.outputs, made.execution_count = [], None
    if points is not None or solution or cell_id.startswith("given"):
        marks = {"schema_version": 3, "grade_id": cell_id, "grade": points is not None, "solution": solution}
        marks |= {"locked": not solution, "task": False, "checksum": "c" * 32} | ({"points": points} if points else {})
        made.metadata.nbgrader = nbformat.from_dict(marks)
    return made


def released_notebook() -> NotebookNode:
    return nbformat.v4.new_notebook(
        cells=[
            cell("markdown", "# A unit", "title"),
            cell("code", "import math", "setup"),
            cell("code", "print('long')", "trial", tags=["experiment"]),
            cell("code", "def double(x):\n    ...", "double", solution=True),
            cell("code", "check(double)", "check_double", points=2),
            cell("markdown", "Between.", "prose"),
            cell("code", "def triple(x):\n    ...", "triple", solution=True),
            cell("code", "check(triple)", "check_triple", points=3),
            cell("markdown", "*Your answer here.*", "why", points=1, solution=True),
            cell("code", "TOOLS = 1", "given-tools"),
        ]
    )


RELEASED = released_notebook()
DOUBLE = "def double(x):\n    return 2 * x"
TRIPLE = "def triple(x):\n    return 3 * x"


def written(notebook: NotebookNode) -> bytes:
    return json.dumps(notebook).encode()


def handed_in(change: Callable[[list[NotebookNode]], Any] = lambda cells: None) -> NotebookNode:
    """The released notebook with `double` and `triple` solved, and then changed."""
    notebook = deepcopy(RELEASED)
    notebook.cells[3].source, notebook.cells[6].source = DOUBLE, TRIPLE
    change(notebook.cells)
    return notebook


def rebuilt(change: Callable[[list[NotebookNode]], Any] = lambda cells: None) -> Rebuilt:
    return rebuild(RELEASED, written(handed_in(change)))


def text(result: Rebuilt) -> list[str]:
    return [each.source for each in result.notebook.cells]


def by_id(result: Rebuilt, name: str) -> NotebookNode:
    (found,) = [each for each in result.notebook.cells if each.id == name]
    return found


def assert_safe(result: Rebuilt, released: NotebookNode = RELEASED) -> None:
    """What no submission may change: every released cell is there once, in order, its metadata and locked text too."""
    nbformat.validate(result.notebook)
    own = [each for each in result.notebook.cells if each.metadata.get("kdtutor", {}).get("added")]
    kept = [each for each in result.notebook.cells if each not in own]
    assert [(each.id, each.cell_type, each.metadata) for each in kept] == [
        (each.id, each.cell_type, each.metadata) for each in released.cells
    ]
    for mine, theirs in zip(kept, released.cells, strict=True):
        marks = theirs.metadata.get("nbgrader", {})
        assert mine.source == theirs.source or marks.get("solution")
        assert mine.get("outputs", []) == []
    assert result.notebook.metadata == released.metadata
    for each in own:
        assert set(each.metadata) <= {"kdtutor", "tags"}
        assert not each.get("outputs")
    assert all(sentence.endswith(".") and "\n" not in sentence for sentence in result.repairs)


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


def test_a_cell_that_claims_a_check_s_grade_id_never_replaces_the_check():
    def change(cells):
        forged = deepcopy(cells[4])
        forged.source, forged.id = "print('mine')", "mine"
        cells.insert(0, forged)

    result = rebuilt(change)
    assert_safe(result)
    assert by_id(result, "check_double").source == "check(double)"


def test_a_check_whose_marks_say_solution_stays_a_check():
    def change(cells):
        cells[4].metadata.nbgrader.update(solution=True, grade=False, locked=False, points=100)
        cells[4].source = "pass"

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


def test_an_exercise_is_taken_as_it_was_typed():
    typed = f"\n\t# mine  \n{DOUBLE}\n\n"
    assert by_id(rebuilt(lambda cells: cells[3].update(source=typed)), "double").source == typed


def test_a_copy_of_one_exercise_never_stands_for_another():
    def change(cells):
        cells[6] = NotebookNode(deepcopy(cells[3]), id="triple", source="def wrong(x):\n    return 0")

    assert by_id(rebuilt(change), "triple").source == RELEASED.cells[6].source


def test_outputs_of_the_released_notebook_are_cleared():
    executed = deepcopy(RELEASED)
    executed.cells[1].outputs = [nbformat.v4.new_output("stream", text="hello")]
    executed.cells[1].execution_count = 1
    assert rebuild(executed, written(handed_in())).notebook.cells == rebuilt().notebook.cells


def test_work_in_an_own_cell_is_not_called_untouched():
    def change(cells):
        cells[3].source = RELEASED.cells[3].source
        cells.insert(4, cell("code", DOUBLE, "mine"))

    assert "double" not in rebuilt(change).untouched


def test_an_exercise_that_nothing_of_the_learner_s_mentions_is_untouched():
    result = rebuilt(lambda cells: cells[3].update(source=RELEASED.cells[3].source + "\n\n"))
    assert result.untouched == {"double", "why"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_any_unicode_encoding_is_read(encoding):
    notebook = handed_in(lambda cells: cells[8].update(source="Weil α > ½."))
    result = rebuild(RELEASED, json.dumps(notebook, ensure_ascii=False).encode(encoding))
    assert by_id(result, "why").source == "Weil α > ½."
    assert result.repairs == ()


def test_bytes_that_are_not_utf_8_cost_a_character_each_and_no_more():
    notebook = handed_in(lambda cells: cells[8].update(source="für"))
    result = rebuild(RELEASED, json.dumps(notebook, ensure_ascii=False).encode("latin-1"))
    assert by_id(result, "why").source == "f�r"
    assert by_id(result, "double").source == DOUBLE
    assert result.repairs == ("The file is not UTF-8 text: what could not be read was replaced by �.",)


def test_half_a_surrogate_pair_does_not_reach_the_notebook():
    result = rebuilt(lambda cells: cells[8].update(source="a\ud800b 😀"))
    assert by_id(result, "why").source == "a�b 😀"
    nbformat.writes(result.notebook).encode()


@pytest.mark.parametrize("version", [2, 3])
def test_old_formats_are_converted(version):
    old = nbformat.convert(handed_in(lambda cells: cells[8].update(source="Because.\nYes.")), 3)
    if version == 2:
        for each in old.worksheets[0].cells:
            each.pop("metadata")  # format 2 has none
        old.nbformat = 2
    result = rebuild(RELEASED, written(old))
    assert_safe(result)
    assert by_id(result, "double").source == DOUBLE
    assert by_id(result, "triple").source == TRIPLE
    assert "# A unit" in text(result)
    assert result.repairs[0] == "The notebook was saved in an old format: its cells were converted."


def test_windows_line_ends_change_nothing():
    def change(cells):
        for each in cells:
            each.source = each.source.replace("\n", "\r\n")

    result = rebuilt(change)
    assert text(result) == [each.source for each in handed_in().cells]
    assert result.repairs == ()


def test_sources_as_lists_of_lines_are_read():
    result = rebuilt(lambda cells: cells[3].update(source=DOUBLE.splitlines(keepends=True)))
    assert by_id(result, "double").source == DOUBLE


@pytest.mark.parametrize("source", [None, 7, {"a": 1}, ["a", 7], [["a"]], True])
def test_a_cell_whose_source_is_no_text_costs_itself(source):
    result = rebuilt(lambda cells: cells[3].update(source=source))
    assert_safe(result)
    assert by_id(result, "double").source == RELEASED.cells[3].source
    assert by_id(result, "triple").source == TRIPLE
    assert "One cell of the file could not be read and had to be left out." in result.repairs


@pytest.mark.parametrize("strange", [None, 3, "cell", [], [[]]])
def test_an_entry_that_is_no_cell_costs_nothing_else(strange):
    result = rebuilt(lambda cells: cells.insert(2, strange))
    assert_safe(result)
    assert text(result) == [each.source for each in handed_in().cells]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b" \n\t", "is empty"),
        (b"\xef\xbb\xbf", "JSON is broken"),
        (b"print(1)", "JSON is broken in line 1, column 1"),
        (written(RELEASED)[:-200], "JSON is broken in line 1"),
        (b"[]", "JSON but not a notebook"),
        (b"null", "JSON but not a notebook"),
        (b"NaN", "JSON but not a notebook"),
        (b"9" * 10_000, "JSON but not a notebook"),
        (b"{}", "no list of cells"),
        (b'{"cells": {"0": {}}}', "no list of cells"),
        (b'{"worksheets": 3}', "no list of cells"),
        (b'{"cells": []}', "none of this unit's exercises"),
        (b'{"worksheets": [3, {"cells": 3}]}', "none of this unit's exercises"),
        (b'{"cells": [{"cell_type": "code", "source": "x = 1"}]}', "none of this unit's exercises"),
        (b"[" * 100_000, "too deeply"),
        (b'{"cells":' * 100_000 + b"0" + b"}" * 100_000, "too deeply"),
        (b"[" + b"[]," * 2_000_000 + b"[]]", "lists and objects"),
        (b"PK\x03\x04rest", "a zip archive"),
        (b"<!DOCTYPE html><title>Log in</title>", "a web page"),
        (b"%PDF-1.7", "a PDF"),
        (b" " * (200 * 2**20), "200 MB"),
    ],
)
def test_bytes_without_a_notebook_are_refused_in_a_sentence(data, words):
    with pytest.raises(Unreadable, match=words) as refusal:
        rebuild(RELEASED, data)
    assert str(refusal.value).endswith((".", "?"))
    assert len(str(refusal.value)) < 200


def test_the_notebook_of_another_unit_is_refused():
    other = nbformat.v4.new_notebook(cells=[cell("code", "def entropy(p):\n    ...", "entropy", solution=True)])
    with pytest.raises(Unreadable, match="another unit"):
        rebuild(RELEASED, written(other))


def test_huge_numbers_and_nan_in_what_is_dropped_do_no_harm():
    text_of_file = json.dumps(handed_in()).replace(
        '"nbformat": 4', f'"nbformat": {"9" * 100_000}, "x": [NaN, -Infinity]'
    )
    assert by_id(rebuild(RELEASED, text_of_file.encode()), "double").source == DOUBLE


def test_a_file_at_the_size_limit_is_read():
    data = written(handed_in())
    assert by_id(rebuild(RELEASED, data + b" " * (LARGEST - len(data))), "double").source == DOUBLE


def test_a_released_notebook_without_graded_cells_takes_any_notebook():
    plain = nbformat.v4.new_notebook(cells=[cell("markdown", "Welcome.", "hello")])
    assert rebuild(plain, b'{"cells": []}').notebook.cells == plain.cells


def rebuilds_or_refuses(data: bytes) -> None:
    try:
        result = rebuild(RELEASED, data)
    except Unreadable:
        return
    assert_safe(result)
    again = rebuild(RELEASED, data)
    assert (again.notebook, again.repairs, again.untouched) == (result.notebook, result.repairs, result.untouched)


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_random_bytes_are_rebuilt_or_refused_and_nothing_else(data):
    rebuilds_or_refuses(data)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["code", "double"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "cells",
                    "source",
                    "input",
                    "cell_type",
                    "metadata",
                    "nbgrader",
                    "grade_id",
                    "id",
                    "worksheets",
                    "level",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200)
@given(JSON_VALUES)
def test_any_json_is_rebuilt_or_refused(value):
    rebuilds_or_refuses(json.dumps(value).encode())


def places(value: Any, path: tuple = ()) -> list[tuple]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in inside for place in places(each, (*path, key)))]


PLACES = [place for place in places(json.loads(written(handed_in()))) if place]


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(["set", "delete", "repeat"]), JSON_VALUES), max_size=6)
)
def test_a_valid_notebook_changed_anywhere_is_rebuilt_or_refused(changes):
    notebook = json.loads(written(handed_in()))
    for place, how, value in changes:
        inside = notebook
        try:
            for key in place[:-1]:
                inside = inside[key]
            if how == "set":
                inside[place[-1]] = value
            elif how == "delete":
                del inside[place[-1]]
            elif isinstance(inside, list):
                inside.append(inside[place[-1]])
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    rebuilds_or_refuses(json.dumps(notebook).encode())


@settings(max_examples=200)
@given(st.data())
def test_bytes_changed_anywhere_are_rebuilt_or_refused(data):
    mutable = bytearray(written(handed_in()))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(mutable) - 1))
        length = data.draw(st.integers(0, 40))
        mutable[at : at + length] = data.draw(st.binary(max_size=10))
    rebuilds_or_refuses(bytes(mutable))


@given(st.permutations(range(len(RELEASED.cells))), st.sets(st.integers(0, len(RELEASED.cells) - 1)))
def test_no_order_and_no_loss_of_cells_costs_a_solution_that_was_handed_in(order, lost):
    solved = handed_in().cells
    kept = [solved[i] for i in order if i not in lost]
    data = written(nbformat.v4.new_notebook(cells=kept))
    if lost >= {3, 4, 6, 7, 8, 9}:
        with pytest.raises(Unreadable):
            rebuild(RELEASED, data)
        return
    result = rebuild(RELEASED, data)
    assert_safe(result)
    assert by_id(result, "double").source == (RELEASED.cells[3].source if 3 in lost else DOUBLE)
    assert by_id(result, "triple").source == (RELEASED.cells[6].source if 6 in lost else TRIPLE)


def test_reading_leaves_the_text_of_a_cell_as_it_was_typed():
    typed = "  x = 1  \n\n\ty = '\\n'\n"
    (only,) = read_cells(json.dumps({"cells": [{"cell_type": "code", "source": typed}]}).encode()).cells
    assert only.source == typed
