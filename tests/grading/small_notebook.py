"""A small unit as it is released, the same as learners hand it in, and what its rebuilding has to keep."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import nbformat
from nbformat import NotebookNode

from kdtutor.grading.handed_in.submission import Rebuilt, rebuild


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
