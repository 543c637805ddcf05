"""The notebook of unit 01 as it is released, with or without its solutions, and ways to change it."""

import json
import textwrap
from copy import deepcopy
from functools import cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from kdtutor.authoring.layout import Course
from kdtutor.grading.demo import SAMPLES, filled_in

UNIT = "01_soft_targets"
FULL = 12.0
COURSE = Course.of(Path(__file__))


@cache
def _notebook(solved: bool) -> NotebookNode:
    return filled_in(COURSE, SAMPLES["complete" if solved else "untouched"])


def notebook(*, solved: bool) -> NotebookNode:
    """The released notebook, with or without its solutions filled in."""
    return deepcopy(_notebook(solved))


def file_of(book: NotebookNode) -> bytes:
    return json.dumps(book).encode()  # nbformat.writes would mend it


def cell_named(book: NotebookNode, grade_id: str) -> NotebookNode:
    return next(cell for cell in book.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


def with_cell(book: NotebookNode, source: str, at: int = 0) -> NotebookNode:
    book.cells.insert(at, nbformat.v4.new_code_cell(textwrap.dedent(source).strip()))
    return book


def with_solution(book: NotebookNode, grade_id: str, source: str) -> NotebookNode:
    cell_named(book, grade_id).source = textwrap.dedent(source).strip()
    return book
