"""Marked regions: found with their lines, refused where a marker is out of place."""

import pytest
from nbformat.v4 import new_code_cell, new_notebook

from kdtutor.authoring.regions import Region, find_regions, hidden_lines, stubbed, visible_lines

SOLVED = "def f(x):\n    ### BEGIN SOLUTION\n    y = x\n    return y\n    ### END SOLUTION\n\nz = 1"


def test_regions_carry_their_lines_and_split_the_cell_into_seen_and_hidden():
    regions, wrong = find_regions(SOLVED, "code")
    assert regions == [Region("SOLUTION", 2, 5)]
    assert wrong == []
    assert visible_lines(SOLVED, regions) == [(1, "def f(x):"), (6, ""), (7, "z = 1")]
    assert hidden_lines(SOLVED, regions) == [(3, "    y = x"), (4, "    return y")]
    assert stubbed(SOLVED, regions) == "def f(x):\n    ...\n\n\n\n\nz = 1"


def test_a_mark_scheme_may_stand_inside_a_solution_and_markdown_may_use_html_comments():
    source = (
        "Why?\n<!-- BEGIN SOLUTION -->\nso\n### BEGIN MARK SCHEME\n2 points\n### END MARK SCHEME\n<!-- END SOLUTION -->"
    )
    regions, wrong = find_regions(source, "markdown")
    assert wrong == []
    assert [(region.kind, region.begin, region.end) for region in regions] == [
        ("SOLUTION", 2, 7),
        ("MARK SCHEME", 4, 6),
    ]
    assert hidden_lines(source, regions) == [(3, "so"), (5, "2 points")]


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("### BEGIN SOLUTION\nx = 1", 1, "missing END SOLUTION"),
        ("### BEGIN HIDDEN TESTS\nx = 1", 1, "missing END HIDDEN TESTS"),
        ("x = 1\n### END SOLUTION", 2, "END SOLUTION without a BEGIN SOLUTION"),
        ("### BEGIN SOLUTION\n### BEGIN SOLUTION\n### END SOLUTION", 2, "BEGIN SOLUTION inside a region of SOLUTION"),
        ("### BEGIN SOLUTION\n### BEGIN HIDDEN TESTS\n### END HIDDEN TESTS\n### END SOLUTION", 2, "inside a region"),
        ("### BEGIN SOLUTION\n### BEGIN MARK SCHEME\n### END SOLUTION", 3, "before the END MARK SCHEME"),
        ("# BEGIN SOLUTION\nx\n### END SOLUTION", 1, "stands alone on its line as '### BEGIN SOLUTION'"),
        ("x = 1  ### BEGIN SOLUTION", 1, "stands alone on its line"),
        ("<!-- BEGIN SOLUTION -->", 1, "stands alone on its line"),
    ],
)
def test_a_marker_out_of_place_is_named_with_its_line(source, line, words):
    _, wrong = find_regions(source, "code")
    assert any(number == line and words in text for number, text in wrong), wrong


def test_what_is_left_is_what_nbgrader_leaves():
    from nbgrader.preprocessors import ClearSolutions

    cell = new_code_cell(SOLVED, metadata={"nbgrader": {"solution": True}})
    theirs, _ = ClearSolutions().preprocess(new_notebook(cells=[cell]), {})
    regions, _ = find_regions(SOLVED, "code")
    without_stub = [
        line for line in theirs.cells[0].source.split("\n") if "YOUR CODE" not in line and "raise" not in line
    ]
    assert without_stub == [line for _, line in visible_lines(SOLVED, regions)]
